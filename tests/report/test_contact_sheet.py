"""Contact sheets of a published table."""

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from video_assets.core.schema import DROPPED, TRAINING
from video_assets.media.making.encode import VideoTrack, write_clip
from video_assets.report.contact_sheet import contact_sheet_webp, contact_sheets
from video_assets.report.style import readable
from video_assets.settings.model import Settings
from video_assets.settings.steps import Decode, Training
from video_assets.storage.layout import Layout
from video_assets.storage.tables import write_table


def size(picture):
    return Image.open(io.BytesIO(picture)).size


def colours(picture):
    return {tuple(colour) for colour in np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).reshape(-1, 3)}


def has_grey(picture, level):
    """WebP keeps a plain area within a step or two."""
    return any(max(abs(int(part) - level) for part in colour) <= 2 for colour in colours(picture))


def grey(level, height=120, width=213):
    return np.full((height, width, 3), level, np.uint8)


@pytest.mark.parametrize(("n_pictures", "n_rows"), [(0, 1), (1, 1), (4, 1), (5, 2), (12, 3)])
def test_pictures_stand_in_rows_of_four(n_pictures, n_rows):
    sheet = contact_sheet_webp([(f"clip {i}\nsome numbers", grey(128)) for i in range(n_pictures)])
    assert size(sheet)[0] == 900
    assert abs(size(sheet)[1] - n_rows * 208) <= 12
    assert has_grey(sheet, 128) == bool(n_pictures)


def test_any_name_and_any_shape_is_drawn():
    labels = ["costs $5 or $6", "片段 🎬", "x" * 300, "", "one\ntwo\nthree", r"back\slash^{2}"]
    shapes = [(120, 213), (120, 68), (2, 213), (120, 1), (1, 1), (90, 160)]
    sheet = contact_sheet_webp([(label, grey(10, *shape)) for label, shape in zip(labels, shapes, strict=True)])
    assert len(sheet) < 60_000


def test_the_same_pictures_give_the_same_bytes():
    noise = np.random.default_rng(0).integers(0, 256, (120, 213, 3), dtype=np.uint8)
    assert contact_sheet_webp([("a", noise)]) == contact_sheet_webp([("a", noise)])


def test_photographs_keep_their_colours():
    """A palette of 256 for the whole sheet made speckles of a sky."""
    sky = np.zeros((120, 213, 3), np.uint8)
    sky[..., 2], sky[..., 0] = np.linspace(90, 250, 213), np.linspace(20, 140, 120)[:, None]
    drawn = np.asarray(Image.open(io.BytesIO(contact_sheet_webp([("a", sky)]))).convert("RGB")).astype(int)
    top = left = round((900 - 4 * 213) / 5)
    assert np.abs(drawn[top : top + 120, left : left + 213] - sky).max(axis=2).mean() < 4
    assert len(colours(contact_sheet_webp([("a", sky)]))) > 1_000


def test_names_in_any_script_can_be_read():
    assert readable("片段 🎬 Katze naïve") == "PianDuan :clapper: Katze naïve"
    assert readable("\ue000") == "\N{REPLACEMENT CHARACTER}"


def test_control_characters_in_captions_and_names_are_drawn_without_a_warning():
    assert readable("a\tb\r\nc \x1b[31m\x00\x7f\x9b") == "a b \nc \N{REPLACEMENT CHARACTER}[31m" + 3 * "\N{REPLACEMENT CHARACTER}"
    every = "".join(map(chr, [*range(32), *range(127, 160), 0x200B, 0x2028, 0xFEFF]))
    assert contact_sheet_webp([(every, grey(10))])  # a warning is an error in tests


def clip(path, level):
    chroma = np.full((32, 64), 128, np.uint8)
    frames = [(np.full((64, 128), level, np.uint8), chroma, chroma)] * 6
    write_clip(path, muxer="mp4", video=VideoTrack("libx264", 128, 64, Fraction(25), frames))
    return path


@pytest.fixture
def published(tmp_path):
    """Three kept clips (grey), dropped ones of two reasons (white), and one that the source refused."""
    layout = Layout(tmp_path / "data")
    numbers = {"text": "grey", "num_frames": 6, "height": 64, "width": 128, "aspect_ratio": 0.5, "fps": 25.0, "resolution": 8192}
    kept = [clip(tmp_path / f"kept-{i}.mp4", 110) for i in range(3)]
    rows = [{"path": str(path), "file_size": path.stat().st_size, **numbers} for path in kept]
    write_table(layout.training_table("training"), TRAINING, TRAINING.frame(rows))
    (tmp_path / "page.mp4").write_bytes(b"<html>")
    dropped = [
        ("decode_check", "not_media", tmp_path / "page.mp4"),
        ("decode_check", "truncated", tmp_path / "gone.mp4"),
        *(("decode_check", "truncated", clip(tmp_path / f"white-{i}.mp4", 235)) for i in range(6)),
        ("own_clips", "outside_root", clip(tmp_path / "secret.mp4", 16)),
    ]
    common = {"source": "own_clips", "detail": ""}
    lost = [
        {"clip_key": path.name, "path": str(path), "stage": stage, "reason": reason, **common} for stage, reason, path in dropped
    ]
    write_table(layout.dropped, DROPPED, DROPPED.frame(lost))
    return layout, Settings(data_root=layout.root, decode=Decode(workers=1), training=Training(relative_to=tmp_path))


def test_the_sheets_show_kept_clips_and_up_to_four_dropped_ones_of_a_reason(published):
    sheets = contact_sheets(*published, n_kept=2)
    assert set(sheets) == {"kept_clips", "dropped_clips"}
    assert any(100 <= colour[0] <= 120 and len(set(colour)) == 1 for colour in colours(sheets["kept_clips"]))
    assert size(sheets["dropped_clips"])[1] < 240, "one row: four that decode, none of page.mp4 and gone.mp4"
    white = np.asarray(Image.open(io.BytesIO(sheets["dropped_clips"])).convert("L"))[60]
    assert (white[::1] > 250).mean() > 0.8, "and all four are shown"
    assert sheets == contact_sheets(*published, n_kept=2), "the choice is repeatable"


def test_a_clip_that_its_source_refused_is_not_opened(published):
    layout, settings = published
    rows = [{"clip_key": "a", "source": "own_clips", "path": str(layout.root.parent / "secret.mp4"), "stage": "own_clips",
             "reason": "outside_root", "detail": ""}]  # fmt: skip
    write_table(layout.dropped, DROPPED, DROPPED.frame(rows))
    assert contact_sheets(layout, settings)["dropped_clips"] == contact_sheet_webp([])
