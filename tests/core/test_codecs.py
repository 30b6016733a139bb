"""However a person names a codec, clips of it are found, whichever decoder FFmpeg prefers."""

import pytest
from media_factory import make_clip

from video_assets.core.codecs import all_names, codec_name
from video_assets.media.probe import probe_clip
from video_assets.settings.steps import Select


@pytest.mark.parametrize(
    ("video", "muxer", "names"),
    [
        ("libx264", "mp4", ["h264", "H264", "avc1", "libx264"]),
        ("libx265", "mp4", ["hevc", "h265", "hvc1"]),
        ("libsvtav1", "mp4", ["av1", "AV1", "libdav1d", "av01"]),
        ("libvpx", "webm", ["vp8"]),
        ("libvpx-vp9", "webm", ["vp9", "VP9"]),
        ("mpeg4", "avi", ["mpeg4"]),
    ],
)
def test_a_real_clip_has_one_of_the_names_of_its_codec(tmp_path, video, muxer, names):
    codec = probe_clip(str(make_clip(tmp_path / f"clip.{muxer}", video=video, muxer=muxer))).video_codec
    assert all(codec in all_names([name]) for name in names)
    assert {codec_name(name) for name in names} == {codec_name(codec)}
    assert codec not in all_names(["prores"])


def test_settings_take_each_codec_once_and_by_its_usual_name():
    assert Select(codecs=("H265", "hevc", "av01", "prores")).codecs == ("hevc", "av1", "prores")
