"""Clips of several tracks, some of them declared and empty, made with PyAV."""

from fractions import Fraction
from itertools import count

import av
from av.stream import Disposition
from media_factory import pictures, tone

from video_assets.media.making.encode import VideoTrack, make_video_frame

TICK = Fraction(1, 25)


def make_tracks(path, tracks, *, muxer, n_seconds=2, video="libx264", sound=""):
    """Write video tracks, each (size, is_default, first second or None for a track without packets), and `sound` tracks.

    `sound` is made of "l" (a live mono track) and "d" (one of six channels without packets), in this order.
    """
    with av.open(str(path), "w", format=muxer) as container:
        streams = [_video(container, video, size, is_default=is_default) for size, is_default, _ in tracks]
        sounds = [_sound(container, "5.1" if kind == "d" else "mono") for kind in sound]
        packets = []
        for stream, (size, _, first_s) in zip(streams, tracks, strict=True):
            if first_s is not None:
                packets += _pictures(stream, size, range(round(first_s / TICK), round(n_seconds / TICK)))
        for stream, kind in zip(sounds, sound, strict=True):
            packets += _beep(stream, n_seconds) if kind == "l" else []
        order = count()
        for packet in sorted(packets, key=lambda packet: (packet.dts * packet.time_base, next(order))):
            container.mux_one(packet)
    return path


def _video(container, encoder, size, *, is_default):
    stream = container.add_stream(encoder, rate=25, options={"g": "10", "bf": "0"})
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.disposition = Disposition.default if is_default else Disposition(0)
    return stream


def _sound(container, layout):
    stream = container.add_stream("ac3", rate=48_000, layout=layout)
    stream.disposition = Disposition(0)
    return stream


def _pictures(stream, size, numbers):
    track = VideoTrack("", *size, Fraction(25), ())
    packets = []
    for number, planes in zip(numbers, pictures(len(numbers), *size), strict=True):
        frame = make_video_frame(planes, track)
        frame.pts, frame.time_base = number, TICK
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _beep(stream, n_seconds):
    samples = tone(n_seconds)
    packets = []
    for start in range(0, len(samples) - 1535, 1536):
        frame = av.AudioFrame.from_ndarray(samples[start : start + 1536].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        packets += stream.encode(frame)
    return packets + stream.encode(None)
