"""MiraData through the whole graph: a table in the authors' format, real videos on a web server, the combined CSV."""

import json

import dagster as dg
import pandas as pd
import pytest
from command_line import command
from media_factory import make_clip
from mira_tables import QUICK, make_video, v1_row, write_v1
from web_server import serving

from video_assets.definitions import build_defs
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout


@pytest.fixture
def web():
    with serving() as server:
        yield server


def configure(root, web, **changes):
    video = make_video(root / "video.mp4", sound=True)
    own = root / "own"
    make_clip(own / "a.mp4")
    (own / "a.txt").write_text("my own clip")
    rows = [
        v1_row("1.0", web.put("/1.mp4", video), 0.5, 2.5),
        v1_row("1.1", web.base + "/1.mp4", 2, 5),
        v1_row("2.0", web.base + "/gone.mp4", 2, 5),
        v1_row("3.0", web.base + "/1.mp4", 1, 4, dense_caption="", short_caption=""),
        v1_row("700.0", web.base + "/1.mp4", 0, 5.5),
    ]
    csv = write_v1(root / "miradata_v1_9k.csv", rows)
    quick = {name: list(value) if isinstance(value, tuple) else value for name, value in QUICK.items()}
    sections = {
        "own_clips": {"folder": str(own), "settle_s": 0},
        "miradata": {**quick, "csv": str(csv), **changes},
        "decode": {"n_shards": 2, "workers": 1},
    }
    text = "\n".join(
        f"[{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in section.items())
        for name, section in sections.items()
    )
    (root / "data").mkdir()
    (root / "data" / "video_assets.toml").write_text(text)
    return root / "data"


@pytest.mark.slow(25)
def test_videos_of_the_web_become_rows_of_the_combined_csv_and_losses_have_reasons(tmp_path, web):
    root = configure(tmp_path, web)
    done = command("run", "--data-root", root, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    summary = json.loads(done.stdout)
    layout = Layout(root)
    combined = pd.read_csv(layout.training_csv("own_clips-Miradata9k"))
    alone = pd.read_csv(layout.training_csv("Miradata9k"))
    assert summary["csv"].endswith("own_clips-Miradata9k.csv")
    assert (summary["listed"], summary["kept"]) == (6, 4)
    assert sorted(combined["text"]) == [
        "dense 1.0, with a comma",
        "dense 1.1, with a comma",
        "dense 700.0, with a comma",
        "my own clip",
    ]
    assert dict(zip(alone["text"].str[6:11], alone["num_frames"], strict=True)) == {"1.0, ": 50, "1.1, ": 75, "700.0": 138}
    dropped = pd.read_parquet(layout.dropped).set_index("clip_key")[["stage", "reason"]]
    assert dropped.loc["miradata/mira_000000/000000000002_video2-000000.mp4"].to_list() == ["miradata", "not_found"]
    assert dropped.loc["miradata/mira_000000/000000000003_video3-000000.mp4"].to_list() == ["enriched_metadata", "empty_caption"]

    told = command("why", "video2-000000", "--data-root", root)
    assert "not_found" in told.stdout
    assert "the server no longer has it" in " ".join(told.stdout.split())

    web.log.clear()
    again = command("run", "--data-root", root, "--json")
    assert again.returncode == 0, again.stderr
    assert web.log == [], "a second run asks nobody"
    assert pd.read_csv(layout.training_csv("own_clips-Miradata9k")).equals(combined)


def test_batches_are_partitions_that_the_ui_can_materialize(tmp_path, web):
    root = configure(tmp_path, web, alarms=1, batch_hours=9 / 3600)
    settings = Settings(
        data_root=root,
        miradata={**QUICK, "csv": str(tmp_path / "miradata_v1_9k.csv"), "alarms": 1, "batch_hours": 9 / 3600},
        decode={"n_shards": 1, "workers": 1},
    )
    defs = build_defs(settings)
    with dg.instance_for_test() as instance:
        run = lambda job, **options: defs.resolve_job_def(job).execute_in_process(  # noqa: E731
            instance=instance, raise_on_error=False, **options
        )
        assert run("list_miradata").success
        assert instance.get_dynamic_partitions("miradata_batches") == ["mira_000000", "mira_000001"]
        web.fail("/1.mp4", status=429, times=99)
        stopped = run("fetch_miradata", partition_key="mira_000001")
        assert not stopped.success
        events = [event for event in stopped.all_events if event.is_step_failure]
        assert "Materialize the batch again then" in str(events[0].step_failure_data.error)
        web.faults.clear()
        Layout(root).pauses("miradata").unlink()
        assert run("fetch_miradata", partition_key="mira_000000").success
        event = instance.get_latest_materialization_event(dg.AssetKey("miradata_clips")).asset_materialization
        assert event.partition == "mira_000000"
        assert event.metadata["ok_clips"].value == 2
        assert event.metadata["not_ok_by_reason"].value == {"not_found": 1}
        assert "data:image/png" in event.metadata["obtainable"].value
        assert "not_found" in event.metadata["obtainable"].value
        assert (event.metadata["clips_cut_so_far"].value, event.metadata["sites_in_a_pause"].value) == (2, 0)
        assert event.metadata["clips_a_day"].value == 3
        assert event.metadata["clips_left"].value > 0
        assert "data:image/png" in event.metadata["progress"].value
        every = defs.resolve_implicit_global_asset_job_def()
        assert every.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("miradata_survey")]).success
        asked = instance.get_latest_materialization_event(dg.AssetKey("miradata_survey")).asset_materialization.metadata
        assert (
            0
            <= asked["obtainable_share_low"].value
            <= asked["obtainable_share"].value
            <= asked["obtainable_share_high"].value
            <= 1
        )
        assert "| 127.0.0.1 |" in asked["by_site"].value
        assert "data:image/png" in asked["by_site"].value
        schedule = defs.resolve_schedule_def("nightly_miradata")
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
        now = pd.Timestamp("2026-11-24T22:00Z")
        repository = defs.get_repository_def()
        with dg.build_schedule_context(instance=instance, scheduled_execution_time=now, repository_def=repository) as context:
            requests = schedule.evaluate_tick(context).run_requests
        assert [request.partition_key for request in requests] == ["mira_000001"]
