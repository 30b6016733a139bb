"""The web UI in a real browser: graph, materialize, shards, checks. Screenshots go to $SCREENSHOTS, else to the test's folder."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tomlkit
from dagster_server import Server, server, wait_for
from playwright.sync_api import Page, expect, sync_playwright

from video_assets.core.sharding import shard_keys
from video_assets.io.sample import SAMPLE_MAX_FILE_SIZE_MIB, Sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHARDS = shard_keys(3)
PATIENCE_MS = 60_000
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]


@contextmanager
def chromium() -> Iterator[Page]:
    """A page in a browser of its own, closed as soon as nobody looks: drawing without a GPU takes the cores from the runs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1500, "height": 950}, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


def go(page: Page, ui: Server, path: str) -> None:
    page.goto(ui.url + path, wait_until="domcontentloaded", timeout=PATIENCE_MS)


def shoot(page: Page, name: str, folder: Path) -> None:
    folder = Path(os.environ.get("SCREENSHOTS", folder))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(folder / f"{name}.png"))


def write_settings(data_root: Path, sample: Sample) -> None:
    settings = {
        "own_clips": {"folder": str(sample.clips), "captions": str(sample.captions)},
        "filter": {"max_file_size_mib": SAMPLE_MAX_FILE_SIZE_MIB},
        "decode": {"n_shards": len(SHARDS)},
        "automation": {"is_enabled": False},
    }
    (data_root / "video_assets.toml").write_text(tomlkit.dumps(settings))


def test_a_person_materializes_everything_with_clicks_and_sees_shards_and_checks(sample: Sample, tmp_path: Path) -> None:
    write_settings(tmp_path, sample)
    with server(tmp_path) as ui:
        with chromium() as page:
            see_the_graph_and_materialize_own_clips(page, ui, tmp_path)
        assert ui.run_job("prepare") == "SUCCESS"
        assert ui.backfill(["shard_lists"], SHARDS) == "COMPLETED_SUCCESS"
        with chromium() as page:
            go(page, ui, "/assets/decode_check?view=partitions")
            page.get_by_role("button", name=re.compile("Materialize")).first.click()
            page.get_by_role("button", name="Missing", exact=True).click()
            page.get_by_role("button", name="Launch backfill").click()
            expect(page.get_by_role("button", name="Launch backfill")).to_be_hidden(timeout=PATIENCE_MS)
        wait_for(lambda: ui.partitions("decode_check")["materialized"] == SHARDS, timeout_s=480)
        assert ui.run_job("publish") == "SUCCESS"
        with chromium() as page:
            see_shards_checks_and_report(page, ui, tmp_path)


def see_the_graph_and_materialize_own_clips(page: Page, ui: Server, folder: Path) -> None:
    go(page, ui, "/asset-groups")
    for group in ("raw", "metadata", "filter", "decode", "training"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "graph", folder / "screenshots")
    go(page, ui, "/assets/own_clips")
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    wait_for((folder / "raw" / "own_clips.parquet").exists, timeout_s=240)


def see_shards_checks_and_report(page: Page, ui: Server, folder: Path) -> None:
    go(page, ui, "/assets/decode_check?view=partitions")
    expect(page.get_by_text(f"Materialized ({len(SHARDS)})")).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "shards", folder / "screenshots")
    go(page, ui, "/assets/training_csv?view=checks")
    expect(page.get_by_text("every_clip_has_a_verdict").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Succeeded")).to_have_count(9, timeout=PATIENCE_MS)
    shoot(page, "checks", folder / "screenshots")
    go(page, ui, "/assets/dataset_report")
    expect(page.get_by_text("funnel_table").first).to_be_visible(timeout=PATIENCE_MS)
    shoot(page, "report", folder / "screenshots")
