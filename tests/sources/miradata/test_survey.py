"""A sample of web videos is asked whether they can be had: politely, once each, without downloading them."""

import json
import random

import pytest
from command_line import command
from hypothesis import given
from hypothesis import strategies as st
from mira_tables import QUICK, make_video, v1_row, write_v1
from web_server import serving

from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.sources.miradata.listing import refresh_listing
from video_assets.sources.miradata.rules.survey import Answer, as_markdown, draw, estimate, interval
from video_assets.sources.miradata.survey import survey
from video_assets.storage.layout import Layout


@given(st.integers(0, 400), st.integers(1, 400))
def test_an_interval_holds_the_share_and_narrows(n_had, n_asked):
    n_had = min(n_had, n_asked)
    low, high = interval(n_had, n_asked)
    assert 0 <= low <= n_had / n_asked <= high <= 1
    wider = interval(n_had * 4, n_asked * 4)
    assert wider[1] - wider[0] < high - low


def test_the_interval_holds_the_truth_about_95_times_in_100():
    chance = random.Random(7)
    hits = 0
    for _ in range(1000):
        low, high = interval(sum(chance.random() < 0.3 for _ in range(60)), 60)
        hits += low <= 0.3 <= high
    assert 920 <= hits <= 980


def test_a_larger_sample_holds_the_smaller_one_and_sites_take_turns():
    videos = {"a": [f"a{n}" for n in range(50)], "b": ["b1", "b0"]}
    small, large = draw(videos, 3), draw(videos, 9)
    assert set(small) < set(large)
    assert [site for site, _ in small] == ["a", "b", "a", "b", "a"]
    assert [url for _, url in large if url.startswith("a")] != sorted(url for _, url in large if url.startswith("a"))


def test_bytes_and_days_are_those_of_all_web_videos_at_the_limits():
    answers = [
        Answer("1", "a", "", 1_000_000),
        Answer("2", "a", "", 3_000_000),
        Answer("3", "a", "not_found"),
        Answer("4", "a", "private"),
    ]
    told = estimate("a", 1000, answers, wait_s=10, bytes_per_s=1_000_000)
    assert (told.share, told.n_bytes, told.reasons) == (0.5, 1e9, {"not_found": 1, "private": 1})
    assert told.days == pytest.approx((1000 * 10 + 1000) / 86_400)
    assert "| a | 1,000 | 4 | 50.0% |" in as_markdown([told])


def test_a_survey_asks_each_web_video_once_and_downloads_none(tmp_path):
    video = make_video(tmp_path / "v.mp4", seconds=40, size=(192, 128), video_options={"qp": "4"})
    with serving() as one, serving("127.0.0.2") as two:
        rows = [v1_row(f"{n}.0", one.put(f"/{n}.mp4", video) if n % 3 else one.base + f"/{n}.mp4", 1, 2) for n in range(9)]
        rows += [v1_row(f"{n}.0", two.put(f"/{n}.mp4", video), 1, 2) for n in range(10, 14)]
        two.fail("/10.mp4", status=429, times=9)
        two.fail("/11.mp4", status=429, times=9)
        two.fail("/12.mp4", status=429, times=9)
        two.fail("/13.mp4", status=429, times=9)
        csv = write_v1(tmp_path / "miradata_v1_9k.csv", rows)
        settings = Settings(data_root=tmp_path / "data", miradata={**QUICK, "csv": str(csv), "alarms": 1})
        layout = Layout(settings.data_root)
        refresh_listing(layout, settings.miradata)
        ask = lambda n: {each.site: each for each in survey(layout, settings, n_per_site=n, progress=no_progress)}  # noqa: E731
        first = ask(4)
        assert (first["127.0.0.1"].n_asked, first["127.0.0.1"].n_videos) == (4, 9)
        assert (first["127.0.0.2"].n_asked, len(two.log)) == (0, 1), "it asked us to stop, and nothing is decided"
        told = ask(99)
        assert (told["127.0.0.1"].n_asked, told["127.0.0.1"].n_had) == (9, 6)
        assert told["127.0.0.1"].n_bytes == pytest.approx(6 * video.stat().st_size)
        assert (len(one.log), len(two.log)) == (9, 1), "each once; a site in a pause is passed over"
        assert sum(asked.n_bytes for asked in one.log) < video.stat().st_size, "only their beginnings"
        layout.pauses("miradata").unlink()
        two.faults.clear()
        assert ask(99)["127.0.0.2"].n_had == 4
        assert not layout.clips_folder("miradata", "mira_000000").exists()


def test_the_command_prints_shares_and_goes_on_where_it_stopped(tmp_path):
    with serving() as web:
        rows = [v1_row(f"{n}.0", web.put(f"/{n}.mp4", make_video(tmp_path / "v.mp4")), 1, 2) for n in range(3)]
        csv = write_v1(tmp_path / "miradata_v1_9k.csv", rows)
        root = tmp_path / "data"
        root.mkdir()
        lines = [f"{name} = {json.dumps(value)}" for name, value in ({"csv": str(csv)} | QUICK).items()]
        (root / "video_assets.toml").write_text("\n".join(["[miradata]", *lines]))
        line = ["miradata", "survey", "--sample", "9", "--data-root", root]
        told = command(*line, check=True)
        assert "| 127.0.0.1 | 3 | 3 | 100.0% | 43.8% to 100.0% |" in told.stdout
        again = command(*line, "--json")
        assert json.loads(again.stdout)[0]["n_had"] == 3
        assert len(web.log) == 3
