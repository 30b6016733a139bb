"""A data root of several users on a local disk: SQLite makes its files for their owner alone, whatever the umask."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from video_assets.local.dagster_home import home_of, other_users_history
from video_assets.storage.layout import Layout

# Root without the right to write what is not its own: to the kernel it is a user like any other, and its Python is readable.
AS_A_USER = ("setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search")
USE_HISTORY = """
import sys
from pathlib import Path
from video_assets.local.dagster_home import other_users_history, prepare_home
from video_assets.storage.layout import Layout

layout = Layout(Path(sys.argv[1]))
home = prepare_home(layout)
print(other_users_history(layout, home))
"""


def use_history(root: Path, state: Path, *, by: tuple[str, ...] = ()) -> str:
    command = [*by, sys.executable, "-W", "ignore", "-c", USE_HISTORY, str(root)]
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.strip()


def give_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 12345, -1)
        path.chmod(0o777 if path.is_dir() else 0o644)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_second_user_of_a_data_root_keeps_a_history_of_his_own_and_does_not_touch_the_first_ones(tmp_path):
    layout = Layout(tmp_path / "data")
    assert use_history(layout.root, tmp_path / "first") == ""
    give_away(layout.dagster_home)
    before = sorted(layout.dagster_home.rglob("*"))

    told = use_history(layout.root, tmp_path / "second", by=AS_A_USER)

    [home] = (tmp_path / "second" / "video_assets").iterdir()
    assert told == f"{layout.dagster_home} belongs to another user: the history of your runs is kept in {home}"
    assert (home / "history" / "runs.db").exists()
    assert sorted(layout.dagster_home.rglob("*")) == before  # the log of one who only reads would lock the owner out


def test_history_of_ones_own_lies_in_the_data_root_even_when_it_cannot_be_written_now(tmp_path):
    layout = Layout(tmp_path)
    (layout.dagster_home / "history").mkdir(parents=True)
    (layout.dagster_home / "history" / "runs.db").touch(mode=0o444)

    assert home_of(layout) == layout.dagster_home
    assert other_users_history(layout, layout.dagster_home) == ""
