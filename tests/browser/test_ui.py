"""The web UI in a real browser: graph, materialize, shards, checks. Screenshots go to $SCREENSHOTS, if that is set."""

import re
import shutil
from pathlib import Path

import pytest
import tomlkit
from dagster_server import PATIENTLY_S, Server, server, wait_for
from playwright.sync_api import Page, expect
from real_browser import CHROMIUM, PATIENCE_MS, chromium, shoot

from video_assets.core.sharding import shard_keys, shard_of
from video_assets.publish.rules.names import TRAINING_RULES
from video_assets.samples.demo.make import SAMPLE_MAX_FILE_SIZE_MIB, Sample

SHARDS = shard_keys(3)
ASSETS = ("own_clips", "enriched_metadata", "size_filtered", "shard_lists", "decode_check", "training_csv", "dataset_report")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow(250),
    pytest.mark.timeout(2400),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


def go(page: Page, ui: Server, path: str) -> None:
    page.goto(ui.url + path, wait_until="domcontentloaded", timeout=PATIENCE_MS)


def write_settings(data_root: Path, sample: Sample) -> Path:
    """A data root on a copy of the sample, from which clips can be taken away."""
    clips = Path(shutil.copytree(sample.clips, data_root / "clips"))
    settings = {
        "own_clips": {"folder": str(clips), "captions": str(clips / sample.captions.name), "settle_s": 0},
        "filter": {"max_file_size_mib": SAMPLE_MAX_FILE_SIZE_MIB},
        "decode": {"n_shards": len(SHARDS), "retries": 0},
        "automation": {"is_enabled": False},
    }
    (data_root / "video_assets.toml").write_text(tomlkit.dumps(settings))
    return clips


def two_of(clips: Path) -> list[Path]:
    """Two good clips, of the first and of the last shard."""
    good = ["aquarium.mp4", "bouncing-ball.mp4", "mountains.mp4", "moonlight.mp4", "city-at-night.mp4", "old-clock.avi"]
    by_shard = {shard_of(f"own_clips/{name}", n_shards=len(SHARDS)): clips / name for name in good}
    return list(by_shard.values())[:2]


def test_a_person_materializes_everything_mends_what_failed_and_publishes_with_clicks(sample: Sample, tmp_path: Path) -> None:
    away = two_of(write_settings(tmp_path, sample))
    with server(tmp_path) as ui:
        with chromium() as page:
            see_the_graph_and_materialize_all(page, ui)
            see_what_runs_by_itself(page, ui)
        wait_for((tmp_path / "filter" / "size_filtered.parquet").exists, timeout_s=900)
        for clip in away:
            clip.rename(clip.with_suffix(".away"))
        wait_for(lambda: len(ui.partitions("decode_check")["failed"]) == 2, timeout_s=900, every_s=PATIENTLY_S)
        for clip in away:
            clip.with_suffix(".away").rename(clip)
        with chromium() as page:
            backfill_failed_and_missing(page, ui)
        wait_for(lambda: ui.partitions("decode_check")["materialized"] == SHARDS, timeout_s=900, every_s=PATIENTLY_S)
        wait_for(lambda: ui.n_backfills("REQUESTED") == 0, timeout_s=900, every_s=PATIENTLY_S)
        assert not list((tmp_path / "training").glob("*.csv")), "none was built while shards had failed"
        with chromium() as page:
            launch_a_job_with_config(page, ui)
            wait_for((tmp_path / "training" / "report" / "funnel.png").exists, timeout_s=900)
            see_shards_checks_and_report(page, ui)


def see_what_runs_by_itself(page: Page, ui: Server) -> None:
    go(page, ui, "/automation")
    for name in ("automation", "own_clips_folder", "nightly_prepare", "nightly_decode", "nightly_publish", "hourly_prepare"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "automation")
    go(page, ui, "/locations/video_assets/sensors/own_clips_folder")
    expect(page.get_by_text("New clips: one run lists").first).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "sensor")


def see_the_graph_and_materialize_all(page: Page, ui: Server) -> None:
    go(page, ui, "/asset-groups")
    # All are there at once, none in a box that must be opened first.
    for asset in ASSETS:
        expect(page.get_by_text(asset, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "graph")
    page.get_by_role("button", name=re.compile("Materialize all")).first.click()
    page.get_by_role("button", name="All", exact=True).click()
    launch = page.get_by_role("button", name="Launch backfill")
    expect(launch).to_be_enabled(timeout=PATIENCE_MS)
    shoot(page, "materialize-all")
    launch.click()
    expect(launch).to_be_hidden(timeout=PATIENCE_MS)


def backfill_failed_and_missing(page: Page, ui: Server) -> None:
    go(page, ui, "/assets/decode_check?view=partitions")
    expect(page.get_by_text("Failed (2)")).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "failed")
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    page.get_by_role("button", name="Failed and missing", exact=True).click()
    shoot(page, "failed-and-missing")
    launch = page.get_by_role("button", name="Launch backfill")
    launch.click()
    expect(launch).to_be_hidden(timeout=PATIENCE_MS)


def launch_a_job_with_config(page: Page, ui: Server) -> None:
    go(page, ui, "/locations/video_assets/jobs/publish/playground")
    page.locator(".CodeMirror").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("execution:\n  config: {}\n")
    launch = page.get_by_role("button", name=re.compile("Launch run", re.IGNORECASE))
    expect(launch).to_be_enabled(timeout=PATIENCE_MS)
    shoot(page, "launch-with-config")
    launch.click()


def see_shards_checks_and_report(page: Page, ui: Server) -> None:
    go(page, ui, "/assets/decode_check?view=partitions")
    expect(page.get_by_text(f"Materialized ({len(SHARDS)})")).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "shards")
    go(page, ui, "/assets/training_csv?view=checks")
    expect(page.get_by_text("every_clip_has_a_verdict").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Succeeded")).to_have_count(len(TRAINING_RULES), timeout=PATIENCE_MS)
    shoot(page, "checks")
    go(page, ui, "/assets/dataset_report")
    expect(page.get_by_text("funnel_table").first).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "report")
