"""The report in the data root: drawn once for a publication, whole, and drawn again when something of it is missing."""

import pytest
from data_roots import Clip, fill

from video_assets.progress import LogProgress
from video_assets.publish.manifest import read_manifest
from video_assets.publish.publish import publish
from video_assets.report.report import write_report
from video_assets.storage.stages import StageError

CLIPS = [
    Clip("a/good.mp4", text="a good one"),
    Clip("b/broken.mp4", verdict="bad", verdict_reason="corrupt_video", errors="[h264] error while decoding MB 3 4"),
]
MEANINGS = {"corrupt_video": "the video decoder reported errors"}


def test_the_page_lies_where_the_manifest_says_and_stays_as_long_as_nothing_is_published(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    published = publish(layout, settings)
    lines: list[str] = []
    report = write_report(layout, settings, meanings=MEANINGS, progress=LogProgress(lines.append))
    assert lines[0] == "draw the report: 8 steps"
    assert lines[-1].startswith("draw the report: 8 of 8 steps (100%)")
    assert report.page == layout.training / read_manifest(published.manifest).report
    page = report.page.read_text(encoding="utf-8")
    assert MEANINGS["corrupt_video"] in page
    assert page.count("<img ") == len(report.pictures)
    drawn_at = report.page.stat().st_mtime_ns
    assert publish(layout, settings) == published
    n_told = len(lines)
    assert write_report(layout, settings, meanings=MEANINGS, progress=LogProgress(lines.append)) == report
    assert len(lines) == n_told, "nothing was drawn"
    assert report.page.stat().st_mtime_ns == drawn_at


def test_a_page_that_somebody_deleted_or_that_was_never_there_is_drawn(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    publish(layout, settings)
    page = write_report(layout, settings, meanings=MEANINGS).page
    before = page.read_bytes()
    page.unlink()
    assert write_report(layout, settings, meanings=MEANINGS).page.read_bytes() == before


def test_without_a_publication_there_is_no_report(tmp_path):
    layout, settings = fill(tmp_path, CLIPS)
    with pytest.raises(StageError, match="materialize training_csv"):
        write_report(layout, settings, meanings=MEANINGS)
    assert not layout.report.exists()
