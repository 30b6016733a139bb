"""Names of video codecs: tables hold FFmpeg's name of the decoder, people write that of the codec, its encoder or its box.

Belongs here: which names mean the same. Does not belong here: what a trainer can read (`core.consumers`).
"""

from collections.abc import Iterable

# The codec as `ffprobe` calls it, and what else it is called: decoders of FFmpeg that are preferred to its own, encoders, the
# standard, and the sample entries of MP4 (https://mp4ra.org/registered-types/sample-entries).
_OTHER_NAMES = {
    "av1": ("libdav1d", "libaom-av1", "libgav1", "libsvtav1", "librav1e", "av01"),
    "h264": ("libx264", "x264", "h.264", "avc", "avc1", "avc3"),
    "hevc": ("libx265", "x265", "h265", "h.265", "hvc1", "hev1"),
    "mpeg2video": ("mpeg2", "mpeg-2"),
    "mpeg4": ("mpeg-4", "mp4v"),
    "vp8": ("libvpx", "vp08"),
    "vp9": ("libvpx-vp9", "vp09"),
    "vvc": ("h266", "h.266", "vvc1", "vvi1"),
}
_CODECS = {other: codec for codec, others in _OTHER_NAMES.items() for other in others}


def codec_name(name: str) -> str:
    """The codec as `ffprobe` calls it; a name that is not known here, in lower case.

    >>> [codec_name(name) for name in ("H265", "libdav1d", "prores")]
    ['hevc', 'av1', 'prores']
    """
    return _CODECS.get(name.lower(), name.lower())


def all_names(codecs: Iterable[str]) -> frozenset[str]:
    """What clips of these codecs may have in `video_codec`."""
    named = {codec_name(name) for name in codecs}
    return frozenset(named | {other for codec in named for other in _OTHER_NAMES.get(codec, ())})
