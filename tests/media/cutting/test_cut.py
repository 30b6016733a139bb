"""Clips cut out of source videos, judged by decoding: the frames that were wanted, all of them, and nothing else."""

import json
import subprocess
from fractions import Fraction
from functools import partial

import av
import numpy as np
import pytest
from mira_tables import make_video

from video_assets.media.clip_file import ClipFile
from video_assets.media.cutting import cutter
from video_assets.media.cutting.cutter import cut_clip
from video_assets.media.cutting.place import Frames, Place
from video_assets.media.decode import decode_clip
from video_assets.media.making.encode import AudioTrack, VideoTrack, write_clip

# Frame numbers are written into the pictures as eight light or dark blocks, so that no codec and no cut can hide which one it is.
SIZE, BITS, RATE = (128, 64), 10, 25
SPANS = [(1.0, 3.0), (2.0, 4.0), (0.0, 1.5), (3.14, 5.62), (0.7, 5.99), (4.36, 4.44)]


def numbered(n_frames):
    width, height = SIZE
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    for number in range(n_frames):
        luma = np.full((height, width), 40, np.uint8)
        for bit in range(BITS):
            if number >> bit & 1:
                luma[:, bit * 12 + 2 : bit * 12 + 12] = 210
        yield luma, chroma, chroma


def numbers_in(path):
    """What a player shows: the numbers of all frames, and their times in seconds."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="gray")[16:48]
            found.append((sum((luma[:, bit * 12 + 5 : bit * 12 + 9].mean() > 125) << bit for bit in range(BITS)), frame.time))
    return [int(number) for number, _ in found], [time for _, time in found]


def numbered_video(path, *, seconds=6, rate=Fraction(RATE), muxer="mp4", encoder="libx264", options=None, ticks=None, sound=True):
    """A video whose frame n shows n; its sound has a click at each whole second."""
    n_frames = len(ticks) if ticks is not None else int(seconds * rate)
    samples = np.zeros(seconds * 48_000, np.int16)
    for second in range(seconds):
        samples[second * 48_000 : second * 48_000 + 96] = 20_000
    track = VideoTrack(
        encoder,
        *SIZE,
        rate,
        numbered(n_frames),
        options=options or {},
        ticks=ticks,
        tick=Fraction(1, 1000) if ticks else None,
    )
    write_clip(path, muxer=muxer, video=track, audio=AudioTrack("aac", 48_000, samples) if sound else None)
    return path


def cut(source, target, start_s, end_s, mode="copy"):
    return cut_at(source, target, Place(start_s, end_s), mode)


def cut_at(source, target, place, mode="copy"):
    opener = partial(ClipFile, str(source))
    return cut_clip(opener, opener, target=target, place=place, mode=mode)


def clicks(path):
    """Seconds at which the sound clicks."""
    with av.open(str(path)) as container:
        parts = [(frame.time, np.abs(frame.to_ndarray().astype(np.float64))[0]) for frame in container.decode(audio=0)]
    times = [time + int(np.argmax(part > 0.3)) / 48_000 for time, part in parts if (part > 0.3).any()]
    return [time for number, time in enumerate(times) if number == 0 or time - times[number - 1] > 0.5]


SOURCES = {
    "b_frames_long_gop": {"options": {"g": "60", "bf": "3", "b-adapt": "0"}},
    "one_gop_only": {"options": {"g": "1000", "bf": "2"}},
    "no_b_frames": {"options": {"g": "25", "bf": "0"}},
    "open_gop": {"options": {"g": "25", "bf": "3", "x264-params": "open-gop=1:b-adapt=0:scenecut=0"}},
    "matroska": {"muxer": "matroska", "options": {"g": "40", "bf": "2"}},
    # Seconds count from where the container begins, as for ffmpeg: with sound that would be its first 21 ms.
    "transport_stream": {"muxer": "mpegts", "options": {"g": "40", "bf": "2"}, "sound": False},
    "hevc": {"encoder": "libx265", "options": {"x265-params": "keyint=40:bframes=3:log-level=none:pools=none:frame-threads=1"}},
    "vp9": {"encoder": "libvpx-vp9", "muxer": "webm", "options": {"g": "40"}, "sound": False},
    "av1": {"encoder": "libsvtav1", "options": {"g": "40", "preset": "12"}},
    "av1_matroska": {"encoder": "libsvtav1", "muxer": "matroska", "options": {"g": "40", "preset": "12"}},
}


@pytest.mark.parametrize("mode", ["copy", "exact"])
@pytest.mark.parametrize("name", SOURCES)
def test_a_cut_shows_exactly_the_frames_of_its_span(tmp_path, name, mode):
    source = numbered_video(tmp_path / "source", **SOURCES[name])
    for start_s, end_s in SPANS:
        target = tmp_path / "clip.mp4"
        result = cut(source, target, start_s, end_s, mode)
        wanted = [n for n in range(6 * RATE) if start_s - 0.002 <= n / RATE < end_s - 0.002]
        numbers, times = numbers_in(target)
        verdict = decode_clip(str(target))
        assert result.reason == "", result
        if mode == "copy" and name != "open_gop":  # whose key frames do not stand alone
            assert result.method == "copy", result
        assert numbers == wanted, (start_s, end_s, result)
        assert verdict.verdict == "good"
        assert result.n_frames == result.n_wanted == verdict.num_frames == len(wanted)
        assert result.start_s == pytest.approx(wanted[0] / RATE, abs=0.002)
        assert result.end_s == pytest.approx((wanted[-1] + 1) / RATE, abs=0.002)
        assert times[0] == pytest.approx(0, abs=0.002)
        if mode == "exact":
            assert verdict.header_frames == len(wanted), "nothing is hidden"


@pytest.mark.parametrize("mode", ["copy", "exact"])
def test_a_source_of_odd_size_that_must_be_encoded_keeps_it(tmp_path, mode):
    chroma = np.full((72, 88), 128, np.uint8)
    video = VideoTrack(
        "libvpx", 175, 143, Fraction(RATE), ((np.full((143, 175), n, np.uint8), chroma, chroma) for n in range(100))
    )
    write_clip(tmp_path / "source.webm", muxer="webm", video=video, audio=None)
    result = cut(tmp_path / "source.webm", tmp_path / "clip.mp4", 1.0, 3.0, mode)
    assert (result.reason, result.method) == ("", "encode")
    verdict = decode_clip(str(tmp_path / "clip.mp4"))
    assert (verdict.verdict, verdict.num_frames, verdict.width, verdict.height) == ("good", 50, 175, 143)


@pytest.mark.parametrize("mode", ["copy", "exact"])
def test_sources_of_variable_rate_keep_the_times_of_their_frames(tmp_path, mode):
    ticks = list(np.cumsum([0, *([20, 60, 40, 33, 47] * 28)]))
    source = numbered_video(
        tmp_path / "source.mkv", muxer="matroska", options={"g": "30", "bf": "2"}, ticks=[int(t) for t in ticks]
    )
    result = cut(source, tmp_path / "clip.mp4", 1.5, 4.2, mode)
    wanted = [n for n, tick in enumerate(ticks) if 1498 <= tick < 4198]
    numbers, times = numbers_in(tmp_path / "clip.mp4")
    assert numbers == wanted
    assert times == pytest.approx([(ticks[n] - ticks[wanted[0]]) / 1000 for n in wanted], abs=0.002)
    assert decode_clip(str(tmp_path / "clip.mp4")).is_variable_rate
    assert result.reason == ""


@pytest.mark.parametrize("mode", ["copy", "exact"])
@pytest.mark.parametrize("muxer", ["mp4", "matroska", "mpegts"])
def test_sound_stays_with_the_pictures(tmp_path, mode, muxer):
    source = numbered_video(tmp_path / "source", muxer=muxer, options={"g": "40", "bf": "2"})
    shift_s = clicks(source)[1] - 1.0 - (numbers_in(source)[1][0] if muxer == "mpegts" else 0.0)
    for start_s, end_s in [(0.5, 4.5), (2.2, 5.2)]:
        cut(source, tmp_path / "clip.mp4", start_s, end_s, mode)
        first = numbers_in(tmp_path / "clip.mp4")[0][0] / RATE
        heard = clicks(tmp_path / "clip.mp4")
        expected = [second - first + shift_s for second in range(6) if first < second < end_s]
        assert heard == pytest.approx(expected, abs=0.025), "one packet of AAC lasts 21 ms"


@pytest.mark.parametrize(("muxer", "rate"), [("matroska", 48_000), ("mov", 48_000), ("mov", 192_000)])
def test_sound_that_mp4_does_not_take_becomes_aac(tmp_path, muxer, rate):
    """Of one channel, of which Matroska does not say which it is; or at a rate that AAC does not have."""
    sound = AudioTrack("pcm_s16le", rate, np.full(rate * 6, 9_000, np.int16))
    video = VideoTrack("libx264", *SIZE, Fraction(RATE), numbered(6 * RATE), options={"g": "40"})
    write_clip(tmp_path / "source", muxer=muxer, video=video, audio=sound)
    result = cut(tmp_path / "source", tmp_path / "clip.mp4", 1.48, 4.0)
    assert (result.reason, result.method, result.detail) == ("", "copy", "")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        heard = container.streams.audio[0].codec_context
        assert (heard.name, heard.sample_rate, heard.layout.name) == ("aac", 48_000, "mono")


@pytest.mark.parametrize("mode", ["copy", "exact"])
def test_sound_that_is_announced_and_never_comes_costs_no_clip(tmp_path, mode):
    with av.open(str(tmp_path / "source.ts"), "w", format="mpegts") as out:
        pictures = out.add_stream("libx264", rate=RATE, options={"g": "25"})
        pictures.width, pictures.height = SIZE
        out.add_stream("aac", rate=48_000)
        for luma, *_ in numbered(6 * RATE):
            out.mux(pictures.encode(av.VideoFrame.from_ndarray(luma, format="gray")))
        out.mux(pictures.encode(None))
    result = cut(tmp_path / "source.ts", tmp_path / "clip.mp4", 1.0, 3.0, mode)
    assert (result.reason, result.n_frames) == ("", 50)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_an_exact_cut_encodes_only_the_ends(tmp_path):
    source = numbered_video(tmp_path / "source.mp4", options={"g": "25", "bf": "2", "x264-params": "scenecut=0"}, seconds=10)
    assert cut(source, tmp_path / "clip.mp4", 2.0, 5.0, "exact").method in {"copy", "smart"}
    result = cut(source, tmp_path / "clip.mp4", 1.48, 8.48, "exact")
    assert result.method == "smart"
    original, made = packets_of(source), packets_of(tmp_path / "clip.mp4")
    assert len(made & original) >= 6 * 25, "six of seven seconds are the packets of the source, byte for byte"


def packets_of(path):
    with av.open(str(path)) as container:
        return {bytes(packet) for packet in container.demux(video=0) if packet.size}


def test_the_official_command_finds_no_frame_that_we_lose(tmp_path):
    """`ffmpeg -ss -t -c copy`, where that program is there: it shows our frames, and what it takes too much at the end."""
    source = numbered_video(tmp_path / "source.mp4", options={"g": "60", "bf": "3"})
    target = tmp_path / "official.mp4"
    try:
        subprocess.run(
            ["ffmpeg", "-v", "error", "-ss", "1.4", "-t", "2.0", "-i", source, "-c", "copy", "-y", target], check=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("no ffmpeg program here")
    cut(source, tmp_path / "ours.mp4", 1.4, 3.4)
    official, ours = numbers_in(target)[0], numbers_in(tmp_path / "ours.mp4")[0]
    assert set(ours) <= set(official)
    assert len(official) - len(ours) <= 4


@pytest.mark.parametrize(("start_s", "end_s"), [(7.0, 9.0), (5.0, 8.0)])
def test_a_span_that_the_video_does_not_have_is_out_of_range(tmp_path, start_s, end_s):
    source = make_video(tmp_path / "source.mp4")
    result = cut(source, tmp_path / "clip.mp4", start_s, end_s)
    assert result.reason == "out_of_range"
    assert list(tmp_path.iterdir()) == [source], "no draft is left"


def test_a_video_that_ends_a_little_early_gives_the_frames_that_are_there(tmp_path):
    source = make_video(tmp_path / "source.mp4")
    result = cut(source, tmp_path / "clip.mp4", 5.0, 6.5)
    assert (result.reason, result.n_frames) == ("", 25)


@pytest.mark.parametrize("mode", ["copy", "exact"])
def test_a_rate_cut_to_a_whole_number_is_mended_by_counting_frames(tmp_path, mode):
    """As the authors' rows of pixabay: 29 for 29.97, and an end computed with it."""
    rate = Fraction(30_000, 1001)
    source = numbered_video(tmp_path / "source.mp4", rate=rate, seconds=10, options={"g": "60", "bf": "2"})
    n = len(numbers_in(source)[0])
    whole = cut_at(source, tmp_path / "clip.mp4", Place(0, n / 29, Frames(29, 0, n)), mode)
    assert (whole.reason, whole.n_frames) == ("", n)
    assert numbers_in(tmp_path / "clip.mp4")[0] == list(range(n))
    assert whole.note == "by frames: the rate of 29 is 29.97 cut short"
    part = cut_at(source, tmp_path / "clip.mp4", Place(90 / 29, 190 / 29, Frames(29, 90, 100)), mode)
    assert numbers_in(tmp_path / "clip.mp4")[0] == list(range(90, 190)), "both ends are off by the clock"
    short = cut_at(source, tmp_path / "clip.mp4", Place(0, 320 / 29, Frames(29, 0, 320)), mode)
    assert (short.n_frames, part.reason) == (n, "")
    assert short.note.endswith(f"the video ends {320 - n} frames earlier")
    gone = cut_at(source, tmp_path / "clip.mp4", Place(0, 2000 / 29, Frames(29, 0, 2000)), mode)
    assert (gone.reason, "29.97 frames per second" in gone.detail) == ("out_of_range", True)


def test_a_video_that_has_another_rate_now_is_cut_by_the_clock(tmp_path):
    source = numbered_video(tmp_path / "source.mp4", seconds=8)
    result = cut_at(source, tmp_path / "clip.mp4", Place(0, 4, Frames(50, 0, 200)))
    assert numbers_in(tmp_path / "clip.mp4")[0] == list(range(100))
    assert result.note == ""


def test_what_may_be_missing_at_the_end_grows_with_the_length(tmp_path):
    source = numbered_video(tmp_path / "source.mp4", seconds=40)
    result = cut(source, tmp_path / "clip.mp4", 2, 42)
    assert (result.reason, result.n_frames) == ("", 38 * RATE)
    assert result.note == "the video ends 2.00 s before the clip's end"
    assert cut(source, tmp_path / "clip.mp4", 38, 42).reason == "out_of_range"


@pytest.mark.parametrize("mode", ["copy", "exact"])
@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_clip_is_shown_the_way_up_that_its_source_is(tmp_path, mode, degrees):
    source = make_video(tmp_path / "source.mp4", rotation_deg=degrees)
    for start_s, end_s in ((1.0, 3.0), (2.0, 4.0)):
        assert cut(source, tmp_path / "clip.mp4", start_s, end_s, mode).reason == ""
        assert rotation_of(tmp_path / "clip.mp4") == rotation_of(source) != 0


def test_a_copy_that_lost_the_way_up_is_not_kept(tmp_path, monkeypatch):
    """No muxer at hand loses it, so the copy is damaged on purpose: the next way is tried."""
    source = make_video(tmp_path / "source.mp4", rotation_deg=90)
    copy = cutter.copy_clip

    def copy_and_turn(target, *rest):
        copy(target, *rest)
        data = target.read_bytes()
        upright = b"\0\1\0\0" + b"\0" * 12 + b"\0\1\0\0" + b"\0" * 12
        at = data.index(b"tkhd") + 4 + 40
        target.write_bytes(data[:at] + upright + data[at + 32 :])

    monkeypatch.setattr(cutter, "copy_clip", copy_and_turn)
    result = cut(source, tmp_path / "clip.mp4", 2.0, 4.0)
    assert (result.reason, result.method) == ("", "encode")
    assert "turned by 0 degrees, the source by 90" in result.detail
    assert rotation_of(tmp_path / "clip.mp4") == 90


def rotation_of(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).rotation


def test_sound_without_pictures_is_no_video(tmp_path):
    sound = AudioTrack("aac", 48_000, np.zeros(96_000, np.int16))
    write_clip(tmp_path / "sound.m4a", muxer="mp4", video=None, audio=sound)
    for mode in ("copy", "exact"):
        assert cut(tmp_path / "sound.m4a", tmp_path / "clip.mp4", 0, 1, mode).reason == "no_video"


def test_damaged_and_foreign_sources_give_no_clip(tmp_path):
    source = make_video(tmp_path / "source.mp4", sound=True)
    data = bytearray(source.read_bytes())
    start = data.index(b"mdat") + 2000
    for at in range(start, data.rindex(b"moov") - 8, 500):
        data[at : at + 4] = b"\xff\0\xff\0"
    (tmp_path / "damaged.mp4").write_bytes(data)
    (tmp_path / "text.mp4").write_bytes(b"<html>" + b"x" * 5000)
    (tmp_path / "playlist.mp4").write_text(f"#EXTM3U\n#EXTINF:6,\n{source}\n#EXT-X-ENDLIST\n")
    for name in ("damaged.mp4", "text.mp4", "playlist.mp4"):
        for mode in ("copy", "exact"):
            result = cut(tmp_path / name, tmp_path / "clip.mp4", 2.0, 4.0, mode)
            assert result.reason == "cut_failed", (name, result)
            assert result.detail
    assert not (tmp_path / "clip.mp4").exists()


def test_other_readers_of_the_header_agree(tmp_path):
    """ffprobe, where it is there, reads the same duration and frames from a copy whose ends are hidden."""
    source = numbered_video(tmp_path / "source.mp4", options={"g": "60", "bf": "3"})
    cut(source, tmp_path / "clip.mp4", 1.4, 3.4)
    command = ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-of", "json"]
    command += ["-show_entries", "stream=duration,nb_read_frames,start_time", str(tmp_path / "clip.mp4")]
    try:
        told = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)["streams"][0]
    except FileNotFoundError:
        pytest.skip("no ffprobe program here")
    assert (int(told["nb_read_frames"]), float(told["duration"]), float(told["start_time"])) == (50, 2.0, 0.0)
