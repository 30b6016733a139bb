"""Files that never were whole clips: pages, playlists, songs, stills, wrong endings, encrypted and joined clips, odd names.

Belongs here: what is made without damaging one clip's bytes. Does not belong here: damage (`samples.broken.damage`,
`samples.broken.mp4_boxes`, `samples.broken.matroska_avi`).
"""

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass

from video_assets.media.making import odd_clips
from video_assets.samples.broken.bases import (
    HEIGHT,
    WIDTH,
    Base,
    combinations,
    encode_base,
    encode_sound,
    encode_with,
    picture_track,
    sound_track,
)
from video_assets.samples.broken.damage import Made
from video_assets.samples.broken.mp4_boxes import find_box, poke, u32

NEIGHBOUR = "h264-aac.whole.mp4"
"""A whole clip of the kit, which the playlists refer to."""

_HTML = "<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head><body><p>Access denied.</p></body></html>\n"
_M3U8 = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{}\n#EXT-X-ENDLIST\n"
_MPD = (
    '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">\n<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
    'bandwidth="100000" codecs="avc1.64000a" width="96" height="80"><BaseURL>{}</BaseURL></Representation></AdaptationSet>'
    "</Period></MPD>\n"
)
_SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=clip\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
_ENCRYPTION = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "00112233445566778899aabbccddeeff",
    "encryption_kid": "0123456789abcdef0123456789abcdef",
}


@dataclass(frozen=True)
class Other:
    """A file of the kit that belongs to no base: its name, and how it was made."""

    name: str
    made: Made


def others() -> Iterator[Other]:
    """All files of this module."""
    yield from _texts()
    yield from _playlists()
    yield from _not_clips()
    yield from _no_pictures()
    yield from _wrong_endings()
    yield from _encrypted()
    yield from _joined()
    yield from _odd_names()


def _texts() -> Iterator[Other]:
    texts = {
        "page": _HTML.encode(),
        "page-utf8-mark": b"\xef\xbb\xbf" + _HTML.encode(),
        "error-json": b'{"error": {"code": 404, "message": "clip not found"}}\n',
        "error-xml": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>\n',
        "words": "Not a clip, just words. Ceci n'est pas un clip; 这不是视频。\n".encode() * 20,
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1048576\n",
    }
    for name, data in texts.items():
        yield Other(f"text-{name}.mp4", Made(f"text-{name}", data, "text that was saved as a clip", "bad", "not_media"))


def _playlists() -> Iterator[Other]:
    lists = {
        "hls-file": _M3U8.format(NEIGHBOUR),
        "hls-web": _M3U8.format("http://127.0.0.1:9/clip.ts"),
        "concat": f"ffconcat version 1.0\nfile {NEIGHBOUR}\n",
        "dash-file": _MPD.format(NEIGHBOUR),
        "dash-web": _MPD.format("http://127.0.0.1:9/clip.mp4"),
        "sdp": _SDP,
    }
    for name, text in lists.items():
        made = Made(f"playlist-{name}", text.encode(), "names other files or the network", "bad", "playlist_or_reference")
        yield Other(f"playlist-{name}.mp4", made)


def _not_clips() -> Iterator[Other]:
    dice = random.Random("kit/not-clips")  # noqa: S311 - repeatable bytes, no secret
    yield Other("empty.mp4", Made("empty", b"", "0 bytes", "bad", "empty_file"))
    yield Other("empty.mkv", Made("empty", b"", "0 bytes", "bad", "empty_file"))
    yield Other("one-byte.mp4", Made("one-byte", b"\0", "1 byte", "bad"))
    yield Other("zeros.mp4", Made("zeros", bytes(8_192), "8 KiB of zero, as from a disk that was full", "bad"))
    yield Other("noise.mp4", Made("noise", dice.randbytes(8_192), "8 KiB of noise", "bad"))
    yield Other("zipped.mp4", Made("zipped", gzip.compress(dice.randbytes(2_000), mtime=0), "a compressed file", "bad"))
    yield Other("document.mp4", Made("document", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + dice.randbytes(2_000), "a PDF", "bad"))
    header = encode_base(Base("mp4", "libx264", "aac", "fragmented", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}))
    header = header[: find_box(header, "moov").end]
    yield Other("init-segment.mp4", Made("init-segment", header, "the start of a stream, without one frame", "bad", "no_frames"))
    index = encode_base(Base("mp4", "libx264", "aac", "faststart", {"movflags": "faststart"}))
    index = index[: find_box(index, "moov").end]
    yield Other("index-alone.mp4", Made("index-alone", index, "ftyp and moov, no media", "bad"))


def _no_pictures() -> Iterator[Other]:
    for encoder, muxer, suffix in (
        ("aac", "mp4", "mp4"),
        ("libmp3lame", "mp3", "mp4"),
        ("libopus", "matroska", "mkv"),
        ("libmp3lame", "avi", "avi"),
    ):
        made = Made("sound-only", encode_sound(encoder, muxer=muxer), "sound without a picture", "bad", "no_video")
        yield Other(f"sound-only-{encoder}-{muxer}.{suffix}", made)
    picture = odd_clips.still(picture_track("mjpeg"))
    yield Other("still.mp4", Made("still", picture, "a JPEG file"))
    song = sound_track("aac")
    for muxer, suffix in (("mp4", "mp4"), ("matroska", "mkv")):
        cover = odd_clips.song_with_cover(muxer, song, picture, size=(WIDTH, HEIGHT))
        yield Other(f"cover-only.{suffix}", Made("cover-only", cover, "a song with a cover picture", "bad", "no_video"))
    for muxer, codec, payload in (("mp4", "mov_text", b"\0\5Hello"), ("matroska", "subrip", b"Hello")):
        made = Made(
            "subtitles-only", odd_clips.subtitles(muxer, codec, payload), "subtitles without a picture", "bad", "no_video"
        )
        yield Other(f"subtitles-only.{'mp4' if muxer == 'mp4' else 'mkv'}", made)


def _wrong_endings() -> Iterator[Other]:
    for base in combinations():
        if (base.muxer, base.video, base.audio) not in _TRAVELLERS:
            continue
        for suffix in ("mp4", "avi", "mkv", "webm"):
            if suffix != base.suffix:
                made = Made("wrong-ending", encode_base(base), f"a whole .{base.suffix} that is called .{suffix}", "good")
                yield Other(f"{base.name}.{base.suffix}-called.{suffix}", made)


_TRAVELLERS = {
    ("mp4", "libx264", "aac"),
    ("webm", "libvpx-vp9", "libopus"),
    ("avi", "mpeg4", "libmp3lame"),
    ("matroska", "libx265", "libopus"),
}


def _encrypted() -> Iterator[Other]:
    for video, audio in (("libx264", "aac"), ("libx264", ""), ("libx265", "aac"), ("mpeg4", "aac")):
        base = Base("mp4", video, audio)
        data = encode_with(base, options=_ENCRYPTION)
        made = Made("encrypted", data, "common encryption, the key is elsewhere", "bad", "encrypted")
        yield Other(f"{base.name}.encrypted.mp4", made)


def _joined() -> Iterator[Other]:
    mp4, other = encode_base(Base("mp4", "libx264", "aac")), encode_base(Base("mp4", "mpeg4", "aac"))
    webm, mkv = encode_base(Base("webm", "libvpx-vp9", "libopus")), encode_base(Base("matroska", "libx264", "aac"))
    avi = encode_base(Base("avi", "mpeg4", "libmp3lame"))
    pairs = {
        "mp4-mp4": mp4 + other,
        "mp4-webm": mp4 + webm,
        "webm-mp4": webm + mp4,
        "mkv-webm": mkv + webm,
        "avi-mp4": avi + mp4,
        "page-mp4": _HTML.encode() + mp4,
    }
    for name, data in pairs.items():
        suffix = "mp4" if name.startswith("page") else name.split("-")[0]
        yield Other(f"joined-{name}.{suffix}", Made("joined", data, "two files joined end to end"))
    alias_only = poke(mp4, "mdat", -8, u32(8))
    box = find_box(mp4, "mdat")
    gone = alias_only[: box.body] + alias_only[box.end :]
    yield Other("media-gone.mp4", Made("media-gone", gone, "the media data were cut out, the index stayed", "bad", "truncated"))


def _odd_names() -> Iterator[Other]:
    data = encode_base(Base("mp4", "libx264", "aac"))
    for name in (
        "-i.mp4",
        "http:clip.mp4",
        "concat:a|b.mp4",
        "file:clip.mp4",
        "frame%03d.mp4",
        "a b'c\"d.mp4",
        "clip.MP4",
        "no-ending",
        "größe-视频.mp4",
    ):
        yield Other(name, Made("odd-name", data, "a whole clip under a name that looks like something else", "good"))
