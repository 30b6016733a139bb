"""ffmpeg's clocks, against what ffmpeg 5.1, 7.0 and 9.0 did with such times."""

from fractions import Fraction

import pytest

from video_assets.media.clock import AudioClock, BestEffort, InputClock, StreamClock, VideoClock, is_variable_rate, nearest

MS = Fraction(1, 1000)


def video_errors(times, *, rate, time_base=MS, duration=0):
    clock = VideoClock(time_base=time_base, rate=rate, stream=0)
    for time in times:
        clock.take(time, time, duration)
    return clock.muxer.errors


def test_frames_closer_than_the_frame_rate_are_refused():
    errors = video_errors([0, 40, 80, 82, 120], rate=Fraction(25))
    assert len(errors) == 1
    assert "non monotonically increasing dts to muxer in stream 0: 2 >= 2" in errors[0]


def test_halves_of_a_frame_are_rounded_up_like_ffmpeg_does():
    # A real clip that all three releases accept: 3.5 and 4.5 frames would both round to 4 with banker's rounding.
    assert video_errors([40, 80, 140, 180, 240], rate=Fraction(30), time_base=Fraction(1, 1200)) == []


def test_a_rounded_millisecond_clock_is_accepted():
    assert video_errors([round(n * 1001 / 30) for n in range(300)], rate=Fraction(30000, 1001)) == []


def test_time_zero_does_not_count_as_a_last_time():
    assert video_errors([0, 0, 0, 40], rate=Fraction(25)) == []


def test_frames_without_time_follow_the_last_one():
    assert video_errors([None, None, None], rate=Fraction(25)) == []


def test_going_back_is_refused_and_does_not_move_the_clock():
    assert len(video_errors([0, 400, 200, 300, 440], rate=Fraction(25))) == 2


def test_decoding_times_replace_stamps_that_jump_about():
    best = BestEffort()
    assert [best.time(pts, dts) for pts, dts in [(5, 0), (4, 1), (3, 2), (2, 3)]] == [5, 1, 2, 3]


def test_coarse_audio_stamps_are_smoothed_with_the_samples():
    clock = AudioClock(time_base=MS, stream=1)
    for number in range(200):
        clock.take(round(number * 32 / 44.1), 32, 44_100)
    assert clock.muxer.errors == []


def test_audio_that_goes_back_is_refused():
    clock = AudioClock(time_base=Fraction(1, 48_000), stream=1)
    for pts in (0, 1024, 2048, 1024, 3072):
        clock.take(pts, 1024, 48_000)
    assert len(clock.muxer.errors) == 1


def test_the_clip_s_start_is_taken_off():
    stream = StreamClock(InputClock(start_us=1_400_000, may_jump=True), time_base=Fraction(1, 90_000), frame_us=40_000)
    assert stream.fix(126_000, 126_000, 3_600) == (0, 0)


def test_a_jump_in_a_transport_stream_is_closed_for_all_streams():
    shared = InputClock(start_us=0, may_jump=True)
    video = StreamClock(shared, time_base=MS, frame_us=40_000)
    audio = StreamClock(shared, time_base=MS, frame_us=20_000)
    assert video.fix(0, 0, 40) == (0, 0)
    assert audio.fix(0, 0, 20) == (0, 0)
    assert video.fix(60_000, 60_000, 40) == (40, 40)
    assert audio.fix(60_000, 60_000, 20) == (40, 40)


def test_other_containers_keep_their_jumps_but_lose_absurd_times():
    stream = StreamClock(InputClock(start_us=None, may_jump=False), time_base=MS, frame_us=40_000)
    assert stream.fix(0, 0, 40) == (0, 0)
    assert stream.fix(60_000, 60_000, 40) == (60_000, 60_000)
    assert stream.fix(10**12, 10**12, 40) == (None, None)
    assert stream.fix(60_080, 60_080, 40) == (60_080, 60_080)


@pytest.mark.parametrize(("n", "d", "result"), [(1, 2, 1), (-1, 2, -1), (5, 3, 2), (4, 3, 1), (0, 7, 0)])
def test_rounding_is_to_the_nearest_with_halves_away_from_zero(n, d, result):
    assert nearest(n, d) == result


def test_a_rate_is_variable_when_frames_last_differently_by_more_than_rounding():
    assert is_variable_rate({33, 34}) is False
    assert is_variable_rate({33, 66}) is True
    assert is_variable_rate(set()) is None
