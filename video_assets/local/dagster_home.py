"""Dagster's home of a data root: where runs, events and logs of this machine are kept.

Belongs here: making that folder from the project's dagster.yaml and pointing the environment at it. Does not belong here:
definitions.
"""

import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import psutil
import xxhash

from video_assets.core.errors import UsageError
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.lease_files import place_of_processes
from video_assets.storage.leases import hold
from video_assets.storage.space import explained_space

if TYPE_CHECKING:
    import dagster as dg

_LITTLE = 1 << 16
_STALE_AFTER_S, _PATIENCE_S = 60.0, 300.0
_NETWORK = ("nfs", "cifs", "smb", "lustre", "ceph", "gpfs", "beegfs", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.glusterfs")


def project_file(name: str) -> Path:
    """`dagster.yaml` or `workspace.yaml`: the files at the top of the project, which the package carries as `share/`."""
    return Path(__file__).parents[1] / "share" / name


def prepare_home(layout: Layout, configured: Path | None = None) -> Path:
    """Make DAGSTER_HOME for a data root, set it in the environment (for this process and its children), and return it.

    The setting `dagster_home` wins. Otherwise `.dagster` in the data root, unless that is network storage, where SQLite's locks
    cannot be trusted, or another user's, who alone may write what SQLite made, or called so that SQLite does not find it: the
    folder then lies in this user's state folder of this machine. An ambient $DAGSTER_HOME is not used: it belongs to another
    project. Dagster's tables are in it afterwards.

    Raises:
        UsageError: its name is none for Dagster's history.
        NoSpaceError, OSError: the folder cannot be written to.
        LeaseHeldError: another program makes the tables, and does not end.
    """
    home = home_of(layout, configured)
    _require_usable(home)
    wanted = project_file("dagster.yaml").read_text()
    target = home / "dagster.yaml"
    if not target.exists() or target.read_text() != wanted:
        write_text(target, wanted)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["VIDEO_ASSETS_DATA_ROOT"] = str(layout.root)
    _create_storage(home)
    return home


def home_of(layout: Layout, configured: Path | None = None) -> Path:
    """Where DAGSTER_HOME of a data root is, or would be."""
    return configured or _default_home(layout)


def _require_usable(home: Path) -> None:
    """Make the folder. SQLite's own error would name no file.

    Raises:
        UsageError: Dagster cannot open its history there.
        OSError: it cannot be written to.
    """
    if not _is_address(home):
        raise UsageError(
            f"{home}: Dagster cannot keep its history in a folder whose path has a question mark, or a percent sign with two "
            "digits. Choose another with the setting dagster_home"
        )
    home.mkdir(parents=True, exist_ok=True)
    if not os.access(home, os.W_OK):
        number = errno.EROFS if os.statvfs(home).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), str(home))


def other_users_history(layout: Layout, home: Path) -> str:
    """Whose history lies in the data root, and where that of this user is; empty when `home` is chosen for another reason."""
    if home == layout.dagster_home or not _is_of_another_user(layout.dagster_home):
        return ""
    return f"{layout.dagster_home} belongs to another user: the history of your runs is kept in {home}"


def _create_storage(home: Path) -> None:
    """Make Dagster's tables in `home`, once, by one program at a time: two that make them at once can break them for good."""
    made = home / "history" / ".made"
    if made.exists():
        return
    import dagster as dg

    lease = hold(home / "making.lease", stale_after_s=_STALE_AFTER_S, patience_s=_PATIENCE_S)
    with explained_history(home), lease:
        if not made.exists():
            with dg.DagsterInstance.from_config(str(home)):
                pass
            write_text(made, "Dagster's tables are whole.\n")


@contextmanager
def explained_history(home: Path) -> Iterator[None]:
    """A disk that has no room for Dagster's history, which is SQLite in `home`, is a `NoSpaceError` like any other."""
    with explained_space(home, purpose="writing Dagster's history"):
        try:
            yield
        except Exception as error:
            if _is_about_space(error, home):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise


def _is_about_space(error: BaseException | None, home: Path) -> bool:
    while error is not None and not isinstance(error, sqlite3.OperationalError):
        error = error.__cause__ or error.__context__
    if error is None:
        return False
    primary = error.sqlite_errorcode & 0xFF
    # Where even SQLite's journal has no room, it is told as an I/O error.
    return primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and shutil.disk_usage(home).free < _LITTLE)


def fail_dead_runs(home: Path) -> list[str]:
    """Fail runs that say they are going on although their process is gone: the machine was switched off, or all was killed.

    Dagster itself cannot tell on one machine, and such a run would keep the only place for decode runs for ever. As after every
    crash of a worker the daemon then starts the run again (`run_retries`). Call it before the daemon starts; that itself looks
    after runs that are cut off later (`is_cut_off`).

    Returns:
        The runs' ids.
    """
    import dagster as dg

    going_on = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        dead = [run for run in instance.get_runs(dg.RunsFilter(statuses=going_on)) if not _is_alive(instance, run.run_id)]
        for run in dead:
            why = "The process of this run is gone: the machine was switched off, or it was killed together with its server."
            if run.status == dg.DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, message=why)
            else:
                instance.report_run_failed(run, message=why)
    return [run.run_id for run in dead]


def place_tag() -> dict[str, str]:
    """A tag for runs in this process, which says where its process id means something."""
    return {"video_assets/processes_of": " ".join(place_of_processes())}


def is_cut_off(instance: "dg.DagsterInstance", run_id: str) -> bool:
    """True when a run is still said to be going on although its process, which can be seen from here, is gone.

    A process that is killed says nothing, and on a full disk neither it nor its code server can.
    """
    import dagster as dg

    run = instance.get_run_by_id(run_id)
    if run is None or _is_alive(instance, run_id, if_unsaid=True):
        return False
    # Code servers are processes of the daemon; a run without one is that of a command, which may be elsewhere.
    is_seen = run.remote_job_origin is not None or place_tag().items() <= run.tags.items()
    # Asked again: it may have ended as it should, moments ago.
    now = instance.get_run_by_id(run_id)
    return is_seen and now is not None and now.status == dg.DagsterRunStatus.STARTED


def _is_alive(instance: "dg.DagsterInstance", run_id: str, *, if_unsaid: bool = False) -> bool:
    """True when the last process that said it works on the run is there and has been since before it said so."""
    import dagster as dg

    for entry in reversed(instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)):
        metadata = entry.dagster_event.engine_event_data.metadata if entry.dagster_event else {}
        if "pid" in metadata:
            try:
                process = psutil.Process(int(str(metadata["pid"].value)))
                return process.create_time() <= entry.timestamp + 1.0 and process.status() != psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                return False
    return if_unsaid


def terminal_config(home: Path) -> str:
    """Name of a configuration in `home` like dagster.yaml, for runs in the foreground of a terminal.

    Capturing what such a run prints would take the terminal away from its progress bars, and put helper processes into its
    process group that answer Ctrl-C with tracebacks.
    """
    no_capture = "\ncompute_logs:\n  module: dagster._core.storage.noop_compute_log_manager\n  class: NoOpComputeLogManager\n"
    name = "dagster-terminal.yaml"
    write_text(home / name, project_file("dagster.yaml").read_text() + no_capture)
    return name


def _is_of_another_user(home: Path) -> bool:
    """True when what Dagster has kept there belongs to somebody else, and is not for this user to write.

    SQLite makes its files for their owner alone, whatever the umask. Whoever only reads one leaves a log beside it (`-wal`,
    `-shm`) that its owner cannot write, who is then locked out of his own history. So it is not even opened.
    """
    kept = [home, *home.glob("*/*.db*"), *home.glob("history/runs/index.db*")]
    return any(_owner(path) not in {None, os.geteuid()} and not os.access(path, os.W_OK) for path in kept)


def _owner(path: Path) -> int | None:
    """None when it is not there: SQLite's logs go when the last program closes them."""
    with suppress(FileNotFoundError):
        return path.stat().st_uid
    return None


def is_network_storage(folder: Path) -> bool:
    """True when the folder lies on a network file system (by the mount table)."""
    mounts = {partition.mountpoint: partition.fstype for partition in psutil.disk_partitions(all=True)}
    for parent in (folder, *folder.parents):
        if str(parent) in mounts:
            return mounts[str(parent)].startswith(_NETWORK)
    return False


def _default_home(layout: Layout) -> Path:
    home = layout.dagster_home
    if _is_address(home) and not is_network_storage(layout.root) and not _is_of_another_user(home):
        return home
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    name = str(layout.root).strip("/").replace("/", "-")
    if not _is_address(name):
        name = f"{re.sub('[?%]', '-', name)}-{xxhash.xxh3_64_hexdigest(os.fsencode(name))[:8]}"
    return state / "video_assets" / name


def _is_address(path: Path | str) -> bool:
    """False when the path means another one inside an address of SQLAlchemy's, by which Dagster opens its history."""
    return "?" not in str(path) and unquote(str(path)) == str(path)
