"""A take-down is finished and reported also when the jobs that publish without the clips cannot even begin."""

import shutil

import pytest
from data_roots import Clip
from take_downs import folder_of, published_root, request

from video_assets.local.run import take_down
from video_assets.progress import no_progress


@pytest.mark.parametrize("damaged", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db", ""])
def test_with_an_unusable_history_the_clips_leave_the_versions_and_the_report_says_why(tmp_path, monkeypatch, damaged):
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", "")
    folder = folder_of(tmp_path / "root")
    folder.mkdir(parents=True)
    (folder / "a.mp4").write_bytes(b"a")
    layout, settings = published_root(tmp_path / "root", [Clip("a.mp4"), Clip("b.mp4")])
    if damaged:
        path = layout.dagster_home / damaged
        path.parent.mkdir(parents=True)
        path.write_bytes(b"garbage " * 999)
    else:  # no room for it, or nobody may write there
        shutil.rmtree(layout.dagster_home, ignore_errors=True)
        layout.dagster_home.write_bytes(b"a file")
    report, page = take_down(request(tmp_path, "a.mp4"), settings, terminal=no_progress, say=lambda _: None)
    assert "Published without them: not yet: " in page.read_text()
    assert "\n" not in report.published
    assert report.versions == {"1": 1}
    assert "a.mp4" not in (layout.training / "training.csv").read_text()
