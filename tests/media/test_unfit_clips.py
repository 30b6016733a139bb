"""What ffmpeg passes and trainers choke on: changing sizes, missing starts, rates that are none; and good clips like them."""

import re
from fractions import Fraction

import av
import pytest
from av.packet import Packet
from media_factory import FRAMES, RATE, damaged, make_clip

from video_assets.media.decode import decode_clip
from video_assets.media.making.encode import shift_packets
from video_assets.media.making.packets import append, drop_key

LENGTH = FRAMES / RATE
CODECS = [("libvpx", "webm"), ("libvpx-vp9", "matroska"),
          ("libx264", "mpegts"), ("libx265", "mpegts")]  # fmt: skip


def joined(folder, sizes, *, video, muxer, **options):
    """One video track whose parts have these sizes."""
    parts = [
        make_clip(folder / f"{number}.part", video=video, muxer=muxer, size=size, edit=shift_packets(number * LENGTH), **options)
        for number, size in enumerate(sizes)
    ]
    path = folder / "joined"
    if muxer == "mpegts":
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        return str(path)
    with av.open(str(path), "w", format=muxer) as target:
        stream = None
        for part in parts:
            with av.open(str(part)) as source:
                stream = stream or target.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.stream = stream
                        target.mux_one(packet)
    return str(path)


@pytest.mark.parametrize(("video", "muxer"), CODECS)
def test_a_picture_that_changes_its_size_has_a_reason_and_one_that_does_not_is_good(video, muxer, tmp_path):
    options = {"video": video, "muxer": muxer, "video_options": {"g": "10", "bf": "0"}}
    if video == "libx265":
        options["video_options"] = {"x265-params": "keyint=10:bframes=0:log-level=none"}
    row = decode_clip(joined(tmp_path / "a", [(96, 64), (64, 96), (96, 64)], **options))
    assert (row.verdict, row.reason, row.size_changes) == ("bad", "changing_size", 2)
    assert (row.width, row.height) == (96, 64)
    assert row.num_frames == 3 * FRAMES
    assert re.match(r"frame \d+: 96x64 yuv", row.errors)
    assert "64x96" in row.errors
    row = decode_clip(joined(tmp_path / "b", [(96, 64), (96, 64)], **options))
    assert (row.verdict, row.reason, row.size_changes, row.num_frames) == ("good", "", 0, 2 * FRAMES)


NO_SCENES = {"libx264": {"sc_threshold": "0"}, "mpeg2video": {"sc_threshold": "1000000000"}}
PICTURE = {"libx264": rb"\x00\x00\x01[\x25\x65]", "mpeg2video": rb"\x00\x00\x01\x00"}


def without_key_picture(encoder):
    """An edit: the parameters of the first packet go to the second, its picture is lost."""

    def edit(packets):
        parameters = re.split(PICTURE[encoder], bytes(packets[0]))[0]
        old = packets[1]
        new = Packet(parameters + bytes(old))
        new.stream, new.pts, new.dts, new.time_base = old.stream, old.pts, old.dts, old.time_base
        return [new, *packets[2:]]

    return edit


def another_format_without_a_key_frame(folder, encoder):
    """yuv420p, then yuv422p whose first picture is lost: our verdict, and the frames that come out."""
    options = {"video": encoder, "muxer": "mpegts", "video_options": {"g": "100", "bf": "0"} | NO_SCENES[encoder]}
    other = make_clip(folder / "other", n_frames=40, pix_fmt="yuv422p", edit=without_key_picture(encoder), **options)
    path = make_clip(folder / "clip", edit=append(other.read_bytes(), seconds=LENGTH), **options)
    with av.open(str(path)) as container:
        frames = [(frame.format.name, bool(frame.key_frame)) for frame in container.decode(video=0)]
    return decode_clip(str(path)), frames


def test_a_pixel_format_that_changes_away_from_a_key_frame_is_noticed(tmp_path):
    row, frames = another_format_without_a_key_frame(tmp_path, "mpeg2video")
    assert ("yuv422p", False) in frames
    assert ("yuv422p", True) not in frames
    assert row.size_changes == 1
    assert row.verdict == "bad"


def test_h264_shows_nothing_of_another_format_before_a_key_frame(tmp_path):
    row, frames = another_format_without_a_key_frame(tmp_path, "libx264")
    assert {name for name, _ in frames} == {"yuv420p"}
    assert (row.verdict, row.reason) == ("bad", "fewer_frames")


@pytest.mark.parametrize("muxer", ["mp4", "mov", "matroska", "mpegts", "flv"])
@pytest.mark.parametrize("bf", ["0", "3"])
def test_a_start_that_does_not_decode_has_a_reason(bf, muxer, tmp_path):
    options = {"muxer": muxer, "n_frames": 90, "video_options": {"g": "30", "keyint_min": "30", "sc_threshold": "0", "bf": bf}}
    whole = decode_clip(str(make_clip(tmp_path / "whole", **options)))
    assert (whole.verdict, whole.num_frames) == ("good", 90)
    assert whole.missing_s < 0.2
    row = decode_clip(str(make_clip(tmp_path / "headless", edit=drop_key(0), **options)))
    assert row.verdict == "bad"
    assert row.reason in {"fewer_frames", "corrupt_video", "reference_frames"}
    assert row.reason != "fewer_frames" or row.starts_at_s > 0.5


def test_the_words_about_a_missing_start_have_its_length(tmp_path):
    options = {"n_frames": 90, "video_options": {"g": "50", "keyint_min": "50", "sc_threshold": "0", "bf": "0"}}
    row = decode_clip(str(make_clip(tmp_path / "clip.mp4", edit=drop_key(0), **options)))
    assert (row.verdict, row.reason) == ("bad", "fewer_frames")
    assert row.num_frames == 40
    assert row.starts_at_s == pytest.approx(1.96, abs=0.05)
    assert "40 frames of 89 packets; no picture for 1.9" in row.errors


@pytest.mark.parametrize(
    ("muxer", "options"),
    [
        ("matroska", {"video": "libvpx", "video_options": {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "40"}}),
        ("ivf", {"video": "libvpx", "video_options": {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "40"}}),
        ("matroska", {"video": "libvpx-vp9", "video_options": {"auto-alt-ref": "1", "lag-in-frames": "16"}}),
        ("mp4", {"edit": shift_packets(Fraction(-1, 5)), "video_options": {"g": "30", "bf": "0"}}),
        ("mp4", {"edit": shift_packets(Fraction(2)), "video_options": {"g": "30"}}),
        ("mp4", {"video_options": {"g": "30", "flags": "+ilme+ildct"}}),
        ("mp4", {"video_options": {"x264-params": "open-gop=1:keyint=20:bframes=3"}}),
    ],
)
def test_hidden_frames_edit_lists_fields_and_late_starts_are_no_missing_start(muxer, options, tmp_path):
    row = decode_clip(str(make_clip(tmp_path / "clip", muxer=muxer, n_frames=90, **options)))
    assert (row.verdict, row.reason, row.size_changes) == ("good", "", 0)
    assert row.num_frames >= 85


def test_a_cut_at_an_open_gop_loses_less_than_the_limit(tmp_path):
    def from_second_key(packets):
        keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
        return packets[keys[1] :]

    options = {"video": "libx265", "muxer": "matroska", "n_frames": 90}
    params = {"x265-params": "open-gop=1:keyint=20:min-keyint=20:scenecut=0:bframes=4:log-level=none"}
    row = decode_clip(str(make_clip(tmp_path / "cut", edit=from_second_key, video_options=params, **options)))
    assert row.reason != "fewer_frames"
    assert row.starts_at_s < 0.5


def claim(nanoseconds):
    """An edit of a Matroska's bytes: how long a frame lasts by default."""

    def change(data):
        at = data.index(b"\x23\xe3\x83")
        n_bytes = data[at + 3] & 0x7F
        data[at + 4 : at + 4 + n_bytes] = nanoseconds.to_bytes(n_bytes, "big")

    return change


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50)])
@pytest.mark.parametrize("claimed", [1000, 30_000, 240, 5])
def test_a_rate_that_is_none_gives_way_to_the_times_of_the_frames(rate, claimed, tmp_path):
    clip = make_clip(tmp_path / "clip.mkv", muxer="matroska", rate=rate, n_frames=90)
    row = decode_clip(str(damaged(clip, tmp_path / "odd.mkv", claim(round(1_000_000_000 / claimed)))))
    assert row.fps == pytest.approx(float(rate), abs=1e-9)
    assert row.header_fps == pytest.approx(claimed, rel=0.01)


@pytest.mark.parametrize("claimed", [24.0, 25.0, 30.0, 36.0])
def test_a_rate_that_is_nearly_right_stays(claimed, tmp_path):
    clip = make_clip(tmp_path / "clip.mkv", muxer="matroska", n_frames=60)
    row = decode_clip(str(damaged(clip, tmp_path / "odd.mkv", claim(round(1_000_000_000 / claimed)))))
    assert row.fps == row.header_fps == pytest.approx(claimed, abs=0.01)


@pytest.mark.parametrize(("video", "muxer"), [("libx264", "mp4"), ("mpeg4", "avi"), ("libvpx", "webm"), ("libx264", "mpegts")])
@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(10), Fraction(60)])
def test_true_rates_stay(video, muxer, rate, tmp_path):
    row = decode_clip(str(make_clip(tmp_path / "clip", video=video, muxer=muxer, rate=rate)))
    assert (row.verdict, row.fps) == ("good", pytest.approx(float(rate), rel=0.002))
