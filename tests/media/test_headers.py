"""What headers promise: clips that do not start at 0, dropped frames, and the same clips cut short."""

import struct
from fractions import Fraction

import pytest
from media_factory import FRAMES, HEIGHT, RATE, WIDTH, damaged, make_clip, pictures, tone

from video_assets.media.decode import decode_clip
from video_assets.media.making.encode import AudioTrack, VideoTrack, shift_packets, write_clip
from video_assets.media.probe import probe_clip

LENGTH_S = pytest.approx(1.2, abs=0.1)
CONTAINERS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "fragmented": ("libx264", "aac"),
    "mpegts": ("libx264", "aac"),
    "flv": ("libx264", "aac"),
    "flv without duration": ("libx264", "aac"),
    "matroska": ("libx264", "aac"),
    "webm": ("libvpx", "libopus"),
    "nut": ("libx264", "aac"),
    "asf": ("mpeg4", "libmp3lame"),
}
OPTIONS = {
    "fragmented": {"movflags": "empty_moov+frag_keyframe"},
    "flv without duration": {"flvflags": "no_duration_filesize"},
}
MUXERS = {"fragmented": "mp4", "flv without duration": "flv"}


def make_late(path, kind, *, start_s, n_frames=FRAMES, has_sound=True):
    """A clip whose first packets come at `start_s` seconds."""
    video, audio = CONTAINERS[kind]
    late = shift_packets(Fraction(start_s))
    track = VideoTrack(video, WIDTH, HEIGHT, RATE, pictures(n_frames), options={"g": "10", "bf": "0"}, edit=late)
    sound = AudioTrack(audio, 48_000, tone(n_frames / 25), edit=late) if has_sound else None
    write_clip(path, muxer=MUXERS.get(kind, kind), video=track, audio=sound, options=OPTIONS.get(kind))
    return path


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize(("start_s", "has_sound"), [(4, True), (4, False), (5000, True), (0, True)])
def test_a_clip_that_does_not_start_at_0_is_as_good_and_as_long_as_one_that_does(tmp_path, kind, start_s, has_sound):
    path = str(make_late(tmp_path / "late.bin", kind, start_s=start_s, has_sound=has_sound))
    decoded, probed = decode_clip(path, max_duration_s=3.0), probe_clip(path)
    assert (decoded.verdict, decoded.reason, decoded.errors) == ("good", "", "")
    assert decoded.num_frames == probed.num_frames == FRAMES
    assert decoded.duration_s == LENGTH_S
    assert probed.duration_s == decoded.duration_s


@pytest.mark.parametrize("kind", ["mp4", "flv", "flv without duration", "matroska", "webm", "mpegts"])
def test_a_late_clip_longer_than_the_limit_is_too_long(tmp_path, kind):
    path = str(make_late(tmp_path / "late.bin", kind, start_s=4))
    assert decode_clip(path, max_duration_s=0.9).reason == "too_long"


def test_an_mp4_whose_header_counts_the_pause_before_its_start_has_the_length_of_its_contents(tmp_path):
    path = make_late(tmp_path / "late.mp4", "mp4", start_s=4)

    def count_pause(data):
        at = data.index(b"mvhd") + 16
        scale, duration = struct.unpack_from(">II", data, at)
        struct.pack_into(">I", data, at + 4, duration + 4 * scale)

    path = str(damaged(path, tmp_path / "standard.mp4", count_pause))
    decoded, probed = decode_clip(path), probe_clip(path)
    assert (decoded.verdict, decoded.duration_s) == ("good", LENGTH_S)
    assert probed.duration_s == decoded.duration_s


@pytest.mark.parametrize("kind", ["matroska", "webm"])
def test_half_of_a_late_clip_is_still_found(tmp_path, kind):
    path = make_late(tmp_path / "late.bin", kind, start_s=4, n_frames=300)
    size = path.stat().st_size
    for share in (0.4, 0.5, 0.6):
        half = damaged(path, tmp_path / "half.bin", lambda data, share=share: data.__delitem__(slice(round(size * share), None)))
        row = decode_clip(str(half))
        assert row.verdict == "bad"
        assert row.reason in {"fewer_frames", "truncated", "corrupt_container", "corrupt_video"}


def still(path, *, n_frames=75, every=15, **options):
    """An AVI of a screen on which little happens: of every 15 frames one is stored, the others are empty chunks."""
    ticks = [number * every for number in range(n_frames)]
    options = {"video": "mpeg4", "ticks": ticks, "tick": Fraction(1, 25), **options}
    return make_clip(path, muxer="avi", n_frames=n_frames, **options)


def test_frames_that_an_avi_dropped_are_not_missing(tmp_path):
    row = decode_clip(str(still(tmp_path / "screen.avi")))
    assert row.header_frames > 1000
    assert (row.verdict, row.reason, row.num_frames) == ("good", "", 75)


def test_an_avi_that_does_not_start_at_0_is_good(tmp_path):
    path = make_clip(tmp_path / "cut.avi", video="mpeg4", muxer="avi", edit=shift_packets(Fraction(4)))
    row = decode_clip(str(path))
    assert (row.verdict, row.num_frames) == ("good", FRAMES)


def test_an_avi_that_ends_with_dropped_frames_is_good(tmp_path):
    """Empty chunks at the end are in the header and in no packet: the index tells that nothing is missing."""
    path = make_clip(tmp_path / "whole.avi", video="mpeg4", muxer="avi")

    def promise_more(data):
        at = data.index(b"strh") + 8 + 32
        assert struct.unpack_from("<I", data, at) == (FRAMES,)
        struct.pack_into("<I", data, at, 3 * FRAMES)

    assert decode_clip(str(damaged(path, tmp_path / "still.avi", promise_more))).verdict == "good"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("has_dropped", [True, False])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_an_avi_that_is_cut_is_bad_with_and_without_dropped_frames(tmp_path, share, has_dropped, codec):
    path = still(tmp_path / "whole.avi", every=15 if has_dropped else 1, video=codec, n_frames=150)
    size = path.stat().st_size
    cut = damaged(path, tmp_path / "cut.avi", lambda data: data.__delitem__(slice(round(size * share), None)))
    row = decode_clip(str(cut))
    assert row.verdict == "bad"
    assert row.reason in {"fewer_frames", "truncated", "corrupt_container", "corrupt_video"}


def test_a_hole_in_an_avi_with_dropped_frames_is_found(tmp_path):
    """What the index lists and the file does not hold any more."""
    path = still(tmp_path / "whole.avi", n_frames=150)

    def punch(data):
        start, end = len(data) // 4, 3 * len(data) // 4
        data[start:end] = bytes(end - start)

    assert decode_clip(str(damaged(path, tmp_path / "hole.avi", punch))).verdict == "bad"
