"""Databases of runs are those that Dagster makes, with its migrations read once."""

import sqlite3
from pathlib import Path

import dagster as dg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from video_assets.local.migrations import read_once


@dg.op
def nothing() -> None:
    """An op."""


@dg.job
def idle() -> None:
    """A job."""
    nothing()


def revisions_of_runs(home: Path) -> set[str]:
    found = set()
    for path in home.glob("history/runs/*-*.db"):
        with sqlite3.connect(path) as database:
            found |= {revision for (revision,) in database.execute("select version_num from alembic_version")}
    return found


def test_each_run_has_a_database_of_the_newest_revision_and_the_scripts_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_once()
    walks = []
    walk = ScriptDirectory._load_revisions

    def counted(self: ScriptDirectory):
        walks.append(self.dir)
        return walk(self)

    monkeypatch.setattr(ScriptDirectory, "_load_revisions", counted)
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        for _ in range(3):
            assert idle.execute_in_process(instance=instance).success
    assert len(list(tmp_path.glob("history/runs/*-*.db"))) == 3
    config = Config()
    config.set_main_option("script_location", "dagster:_core/storage/alembic")
    assert revisions_of_runs(tmp_path) == {ScriptDirectory.from_config(config).get_current_head()}
    assert len(walks) <= 1, "read before, or now"
