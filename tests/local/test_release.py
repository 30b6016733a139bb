"""`video-assets check-settings`: what an upgrade on a cluster asks before it changes anything."""

import dagster as dg
import pytest
from command_line import command
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Settings with 6, again 6, and 8 shards; $DAGSTER_HOME."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("VIDEO_ASSETS_DATA_ROOT", str(tmp_path / "data"))
    texts = {"old": "n_shards = 6", "same": "n_shards = 6\nretries = 9", "new": "n_shards = 8"}
    for name, text in texts.items():
        (tmp_path / f"{name}.toml").write_text(f"[decode]\n{text}\n")
    return tmp_path


def begin_backfill(home):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_backfill(
            PartitionBackfill(
                backfill_id="abcdefgh",
                status=BulkActionStatus.REQUESTED,
                from_failure=False,
                tags={},
                backfill_timestamp=0.0,
                asset_selection=[dg.AssetKey("decode_check")],
            )
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[automation]\ntimezone = "Mars/Base"', "setting automation.timezone: there is no time zone 'Mars/Base'"),
        ('[automation]\nnightly_cron = "abc"', "setting automation.nightly_cron: 'abc' is no cron expression"),
        ('[decode]\ntolerated_reasons = ["blah"]', "no clip is bad because of 'blah'"),
        ("[decode]\nn_shard = 3", "there is no setting 'decode.n_shard'"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line_and_exit_code_2(tmp_path, text, words):
    file = tmp_path / "proposed.toml"
    file.write_text(text)
    done = command("check-settings", file)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_a_file_that_is_not_there_is_said(tmp_path):
    done = command("check-settings", tmp_path / "no.toml")
    assert (done.returncode, done.stderr.strip()) == (2, f"error: {tmp_path / 'no.toml'}: there is no such file")


def test_another_number_of_shards_waits_for_the_work_on_them(files):
    change = ("check-settings", files / "new.toml", "--instead-of", files / "old.toml")
    assert command(*change).returncode == 0
    begin_backfill(files / "home")
    refused = command(*change)
    assert refused.returncode == 2
    [line] = refused.stderr.splitlines()
    assert "decode.n_shards cannot become 8 now (it is 6): backfill abcdefgh is at work on shards" in line
    assert "Wait for its end, or cancel it in the UI (Runs), then upgrade again" in line
    assert command("check-settings", files / "same.toml", "--instead-of", files / "old.toml").returncode == 0
    assert command("check-settings", files / "new.toml", "--instead-of", files / "none.toml").returncode == 0
