"""Videos that show one picture, or none; and videos like them in which something moves."""

from fractions import Fraction

import av
import numpy as np
import pytest

from video_assets.media.decode import decode_clip
from video_assets.media.making.encode import VideoTrack, write_clip

WIDTH, HEIGHT, FRAMES = 320, 180, 60
ENCODERS = [("libx264", "mp4"), ("libx265", "matroska"), ("libsvtav1", "mp4"), ("mpeg4", "avi"),
            ("mjpeg", "avi")]  # fmt: skip

ENCODER_OPTIONS = {
    "mjpeg": {"strict": "unofficial", "color_range": "pc", "qmin": "3", "qmax": "3"},
    "mpeg2video": {"qmin": "3", "qmax": "3"},
}


def scene():
    """A picture with detail, which costs its key frames something."""
    blocks = np.random.default_rng(1).integers(40, 220, (HEIGHT // 10, WIDTH // 10))
    return np.kron(blocks, np.ones((10, 10))).astype(np.uint8)


def black(luma):
    return np.full_like(luma, 16)


def cursor(luma, number):
    moved = luma.copy()
    moved[80:94, (20 + 4 * number) % 300 :][:, :9] = 235
    return moved


def lumas(kind, n_frames=FRAMES):
    still = scene()
    moving = [np.roll(still, 3 * number, axis=1) for number in range(n_frames)]
    return {
        "still": [still] * n_frames,
        "black": [black(still)] * n_frames,
        "cursor": [cursor(still, number) for number in range(n_frames)],
        "moving": moving,
        "half": [still] * (n_frames // 2) + moving[: n_frames // 2],
        "black then moving": [black(still)] * (n_frames // 2) + moving[: n_frames // 2],
    }[kind]


def made(path, kind, *, encoder="libx264", muxer="mp4", n_frames=FRAMES, **options):
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    frames = [(luma, chroma, chroma) for luma in lumas(kind, n_frames)]
    settings = {"g": "25"} | ENCODER_OPTIONS.get(encoder, {})
    track = VideoTrack(encoder, WIDTH, HEIGHT, Fraction(25), frames, options=settings | options)
    write_clip(path, muxer=muxer, video=track)
    return decode_clip(str(path))


@pytest.mark.parametrize(("encoder", "muxer"), ENCODERS)
def test_one_picture_and_black_are_told_from_a_cursor_and_from_motion(encoder, muxer, tmp_path):
    rows = {
        kind: made(tmp_path / kind, kind, encoder=encoder, muxer=muxer) for kind in ("still", "black", "cursor", "moving", "half")
    }
    assert {row.verdict for row in rows.values()} == {"good"}
    assert {kind for kind, row in rows.items() if row.is_static} == {"still", "black"}
    assert {kind for kind, row in rows.items() if row.is_black} == {"black"}
    assert rows["still"].static_share == rows["black"].black_share == 1.0
    assert rows["moving"].static_share == 0.0
    assert 0.3 <= rows["half"].static_share <= 0.55


def test_black_that_is_over_in_time_is_a_share(tmp_path):
    row = made(tmp_path / "clip", "black then moving", n_frames=200)
    assert row.black_share == pytest.approx(0.5, abs=0.1)
    assert not row.is_black


@pytest.mark.parametrize("n_frames", [1, 2, 3, 7])
def test_the_shortest_clips_have_an_answer(n_frames, tmp_path):
    assert made(tmp_path / "a", "still", n_frames=n_frames, bf="0").is_static
    assert made(tmp_path / "b", "moving", n_frames=n_frames, bf="0").is_static is (n_frames == 1)
    assert made(tmp_path / "c", "black", n_frames=n_frames).is_black


def test_a_clip_without_frames_has_none(tmp_path):
    path = tmp_path / "empty.mp4"
    path.touch()
    row = decode_clip(str(path))
    assert (row.is_static, row.black_share, row.has_alpha) == (None, None, None)


def odd(path, *, encoder, muxer, pix_fmt, container=None, **attributes):
    """One second of grey with these attributes of frame or stream."""
    with av.open(str(path), "w", format=muxer) as target:
        stream = target.add_stream(encoder, rate=25, options=attributes.pop("options", {}))
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for name, value in attributes.items():
            setattr(stream.codec_context, name, value)
        stream.metadata.update(container or {})
        for _ in range(25):
            frame = av.VideoFrame(64, 48, pix_fmt)
            for plane in frame.planes:
                plane.update(bytes([90]) * plane.buffer_size)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return decode_clip(str(path))


def test_fields_pixel_aspect_transfer_and_transparency_are_columns(tmp_path):
    plain = odd(tmp_path / "plain", encoder="libx264", muxer="mp4", pix_fmt="yuv420p")
    assert (plain.is_interlaced, plain.pixel_aspect, plain.color_transfer, plain.has_alpha) == (False, None, None, False)
    fields = odd(tmp_path / "fields", encoder="mpeg2video", muxer="mpegts", pix_fmt="yuv420p", options={"flags": "+ilme+ildct"})
    assert fields.is_interlaced
    wide = odd(tmp_path / "wide", encoder="libx264", muxer="mp4", pix_fmt="yuv420p", sample_aspect_ratio=Fraction(4, 3))
    assert wide.pixel_aspect == pytest.approx(4 / 3)
    hdr = odd(tmp_path / "hdr", encoder="libx265", muxer="mp4", pix_fmt="yuv420p10le", color_trc=16)
    assert hdr.color_transfer == "smpte2084"
    alpha = odd(tmp_path / "alpha", encoder="qtrle", muxer="mov", pix_fmt="argb")
    assert alpha.has_alpha
    beside = odd(tmp_path / "beside", encoder="libvpx-vp9", muxer="webm", pix_fmt="yuva420p", container={"alpha_mode": "1"})
    assert beside.has_alpha
