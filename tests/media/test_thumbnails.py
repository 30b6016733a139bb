"""One small picture of a clip, whatever the clip is."""

import base64
from fractions import Fraction

import numpy as np
import pytest
from media_factory import make_late_sound

from video_assets.core.results import Thumbnail
from video_assets.media.making.encode import AudioTrack, VideoTrack, write_clip
from video_assets.media.thumbnails import thumbnail

WIDTH, HEIGHT = 160, 80


def planes(luma):
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return luma.astype(np.uint8), chroma, chroma


def bright_top(n_frames):
    """White above, black below."""
    luma = np.full((HEIGHT, WIDTH), 16)
    luma[: HEIGHT // 2] = 235
    return [planes(luma)] * n_frames


def growing_brighter(n_frames):
    noise = np.random.default_rng(0).integers(0, 9, (HEIGHT, WIDTH))
    return [planes(np.roll(noise, i) + 16 + 210 * i // (n_frames - 1)) for i in range(n_frames)]


def clip(path, frames, *, muxer="mp4", **options):
    track = VideoTrack("libx264", WIDTH, HEIGHT, Fraction(10), frames, **options)
    write_clip(path, muxer=muxer, video=track)
    return path


def pixels(result):
    assert not result.trouble
    return np.frombuffer(base64.b64decode(result.rgb), np.uint8).reshape(result.height, result.width, 3)


def test_a_picture_fits_into_the_box_and_keeps_its_shape(tmp_path):
    drawn = pixels(thumbnail(str(clip(tmp_path / "a.mp4", bright_top(5))), width_px=100, height_px=100))
    assert drawn.shape == (50, 100, 3)
    assert drawn[:20].mean() > 200
    assert drawn[-20:].mean() < 30


@pytest.mark.parametrize(("rotation_deg", "bright"), [(90, np.s_[:, :20]), (-90, np.s_[:, -20:]), (180, np.s_[-20:, :])])
def test_a_picture_is_turned_as_players_show_it(tmp_path, rotation_deg, bright):
    path = clip(tmp_path / "a.mp4", bright_top(5), rotation_deg=rotation_deg)
    drawn = pixels(thumbnail(str(path), width_px=100, height_px=100))
    assert drawn.shape[:2] == ((50, 100) if rotation_deg == 180 else (100, 50))
    assert drawn[bright].mean() > 200
    assert 80 < drawn.mean() < 170


def test_the_frame_is_the_one_at_a_third_although_key_frames_are_far_apart(tmp_path):
    path = clip(tmp_path / "a.mp4", growing_brighter(60), options={"g": "1000"})
    assert abs(pixels(thumbnail(str(path))).mean() - 255 / 3) < 12


@pytest.mark.parametrize(("muxer", "options"), [("matroska", {}), ("mp4", {"movflags": "faststart"})])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_clip_that_breaks_off_shows_what_is_there(tmp_path, muxer, options, part):
    path = tmp_path / "a"
    track = VideoTrack("libx264", WIDTH, HEIGHT, Fraction(10), growing_brighter(60), options={"g": "10"})
    write_clip(path, muxer=muxer, video=track, options=options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    assert pixels(thumbnail(str(path))).mean() < 255 / 2


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\0" * 5000, b"#EXTM3U\n/etc/passwd\n"])
def test_what_is_no_clip_is_trouble_in_words(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    made = thumbnail(str(path))
    assert (bool(made.trouble), made.rgb) == (True, "")


def test_a_missing_file_and_a_folder_are_trouble_with_their_path(tmp_path):
    for path in (tmp_path / "gone.mp4", tmp_path):
        assert str(path) in thumbnail(str(path)).trouble


def test_sound_without_a_picture_is_trouble(tmp_path):
    track = AudioTrack("aac", 16_000, np.zeros(16_000, np.int16))
    write_clip(tmp_path / "a.mp4", muxer="mp4", audio=track)
    assert thumbnail(str(tmp_path / "a.mp4")) == Thumbnail(trouble="no frame decodes")


def test_a_clip_whose_sound_appears_late_is_looked_at_to_its_end(tmp_path):
    assert pixels(thumbnail(str(make_late_sound(tmp_path / "late", "flv")))).shape[0] == 120
