"""`video-assets ui`: one daemon per data root, an orderly end at any time, a terminal that stays readable."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import dagster as dg
import psutil
import pytest
from command_line import command
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster_server import Server, server, wait_for
from media_factory import make_clip

from video_assets.local.server import Server as Running
from video_assets.local.server import ServerError, only_daemon, workspace_of
from video_assets.storage.layout import Layout
from video_assets.storage.lease_files import claim_path
from video_assets.storage.leases import hold
from video_assets.storage.tables import count_rows

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
TICKS = """
query { sensorsOrError(repositorySelector: {repositoryLocationName: "video_assets", repositoryName: "__repository__"}) {
  ... on Sensors { results { name sensorState { ticks(limit: 5) { status } } } } } }
"""
INTERVALS = """
query { sensorsOrError(repositorySelector: {repositoryLocationName: "video_assets", repositoryName: "__repository__"}) {
  ... on Sensors { results { name minIntervalSeconds } } } }
"""
STARTED = """
query {
  runs: runsOrError(filter: {createdAfter: %s}) { ... on Runs { count } }
  backfills: partitionBackfillsOrError { ... on PartitionBackfills { results { id } } }
}
"""


@pytest.mark.slow(60)
@pytest.mark.timeout(1800)
def test_the_first_ui_after_a_complete_run_starts_nothing_and_a_second_one_is_refused_with_its_address(tmp_path: Path) -> None:
    run_completely(tmp_path, clips=tmp_path / "clips")
    begin = time.time()
    with hold(Layout(tmp_path).versions_lease, stale_after_s=60):  # nothing is published meanwhile
        with server(tmp_path) as first:
            refused = command("ui", "--data-root", tmp_path, "--port", free_port())
            assert refused.returncode == 1
            assert first.url in refused.stderr
            assert f"process {first.process.pid} on {socket.gethostname()}" in refused.stderr
            assert "--read-only" in refused.stderr
            with server(tmp_path, "--read-only") as beside:
                assert beside.url != first.url
            said = (tmp_path / "ui.log").read_text()
            assert f"web UI: {first.url}" in said
            assert "Serving dagster-webserver" not in said
            assert "Serving dagster-webserver" in (tmp_path / ".dagster" / f"ui-{first.url.rpartition(':')[2]}.log").read_text()
            at_first = loaded(first)
            wait_for(lambda: min(ticks_of(first).values()) >= 3, timeout_s=600)
            assert first.query(STARTED % begin) == {"runs": {"count": 0}, "backfills": {"results": []}}
            assert loaded(first) == at_first, "more than a minute, and nothing had changed"
            runs_are_forks_and_read_the_settings_of_their_start(first, tmp_path)
            a_killed_process_of_the_code_server_has_a_successor(first)
            publishing = started_by_a_code_server_that_was_replaced(first, tmp_path)
            assert "No heartbeat" not in (tmp_path / "ui.log").read_text()
        can_be_cancelled_afterwards(tmp_path, publishing)
    with only_daemon(Layout(tmp_path), "http://after"):
        pass


def runs_are_forks_and_read_the_settings_of_their_start(ui: Server, root: Path) -> None:
    """No run loads Dagster and pandas anew; what it must not have from before is settings."""
    seen: set[str] = set()

    def ended(run_id: str) -> str | None:
        seen.update(line for process in children(ui) if (line := command_line(process)))
        return unless_reloading(lambda: ui.run_ended(run_id))

    def prepared() -> int:
        run_id = wait_for(lambda: unless_reloading(lambda: ui.start_job("prepare")), timeout_s=300)
        assert wait_for(lambda: ended(run_id), timeout_s=300, every_s=0.1) == "SUCCESS"
        return count_rows(Layout(root).size_filtered)

    assert prepared() == 1
    settings_are_taken_up(ui, root)
    assert prepared() == 0
    assert not any("forkserver" in line or "spawn_main" in line for line in seen), "loaded anew"


def settings_are_taken_up(ui: Server, root: Path) -> None:
    """What cannot be used is said in words, and what was mended is taken up: a limit that drops the clip."""
    file, log = root / "video_assets.toml", root / "ui.log"
    usable = file.read_text()
    file.write_text(f"{usable}\n[automation]\nsensor_interval_s = 'often'\n")
    wait_for(
        lambda: "setting automation.sensor_interval_s must be a whole number, and is 'often'" in log.read_text(), timeout_s=300
    )
    file.write_text(f"{usable}\n[automation]\nsensor_interval_s = 17\n[filter]\nmax_file_size_mib = 0.000001\n")
    wait_for(lambda: intervals_of(ui).get("own_clips_folder") == 17, timeout_s=300)  # can be clicked
    assert "settings changed: UI and daemon take them up" in log.read_text()


def unless_reloading(ask: Callable[[], T]) -> T | None:
    """The answer; None while Dagster's web server replaces its code server, when it says 500 at times."""
    with suppress(urllib.error.HTTPError):
        return ask()
    return None


def children(ui: Server) -> list[psutil.Process]:
    """All processes that it has started, and theirs."""
    return psutil.Process(ui.process.pid).children(recursive=True)


def command_line(process: psutil.Process) -> str:
    """Empty when it has just ended."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def a_killed_process_of_the_code_server_has_a_successor(ui: Server) -> None:
    """Within seconds, and web server and daemon ask that one."""
    before = loaded(ui)
    for process in before:
        process.kill()
    wait_for(lambda: loaded(ui) - before, timeout_s=300)
    wait_for(lambda: intervals_of(ui), timeout_s=300)


def started_by_a_code_server_that_was_replaced(ui: Server, root: Path) -> str:
    """A run that waits for a lease of ours; the process that has started it stays until it ends."""
    run_id = wait_for(lambda: unless_reloading(lambda: ui.start_job("publish")), timeout_s=300)
    (before,) = loaded(ui)
    wait_for(lambda: ui.n_runs("STARTED"), timeout_s=300)
    with (root / "video_assets.toml").open("a") as file:
        file.write("# changed\n")
    wait_for(lambda: loaded(ui) - {before}, timeout_s=300)
    assert before in loaded(ui)
    return run_id


def can_be_cancelled_afterwards(root: Path, run_id: str) -> None:
    """The UI has ended, the run has not; another one asks as this does."""
    with dg.DagsterInstance.from_config(str(root / ".dagster")) as history:

        def status() -> dg.DagsterRunStatus:
            run = history.get_run_by_id(run_id)
            assert run is not None
            return run.status

        assert status() == dg.DagsterRunStatus.STARTED
        assert history.run_launcher.terminate(run_id)
        wait_for(lambda: status() == dg.DagsterRunStatus.CANCELED, timeout_s=300)


def loaded(ui: Server) -> set[psutil.Process]:
    """The processes that have loaded the definitions: one for web server and daemon, and those before it that have runs."""
    of_code_server = ui.program("code server").children()
    return {process for process in of_code_server if process.status() != psutil.STATUS_ZOMBIE}


def intervals_of(ui: Server) -> dict[str, int]:
    """Seconds between two looks of each sensor; none while the definitions cannot be loaded."""
    found = unless_reloading(lambda: ui.query(INTERVALS)["sensorsOrError"]) or {}
    return {sensor["name"]: sensor["minIntervalSeconds"] for sensor in found.get("results", [])}


def run_completely(root: Path, *, clips: Path) -> None:
    """`video-assets run`, to its end."""
    clips.mkdir()
    make_clip(clips / "a.mp4")
    (clips / "a.txt").write_text("a caption")
    # The folder too: had it changed moments before the run, the sensor would rightly look once more.
    for path in (*clips.iterdir(), clips):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    done = command("run", "--clips", clips, "--data-root", root, "--shards", 2)
    assert done.returncode == 0, done.stderr


def ticks_of(ui: Server) -> dict[str, int]:
    """How often the sensors looked that could start something."""
    found = {sensor["name"]: len(sensor["sensorState"]["ticks"]) for sensor in ui.query(TICKS)["sensorsOrError"]["results"]}
    return {name: found[name] for name in ("own_clips_folder", "automation")}


def test_code_locations_that_somebody_has_added_stay(tmp_path: Path) -> None:
    """Only that of this project is asked by way of the shared code server."""
    project, shared, socket_file = tmp_path / "project.yaml", tmp_path / "shared.yaml", tmp_path / "code-server"
    mine = "  - python_file: {relative_path: mail.py, location_name: mail}\n"
    project.write_text((ROOT / "workspace.yaml").read_text() + mine)
    shared.write_text(workspace_of(socket_file))
    server_of = Running(Layout(tmp_path), tmp_path, project, "127.0.0.1", 3000, is_read_only=False)
    for name, command_of in server_of.commands(socket_file, shared).items():
        if name != "code server":
            files = [value for option, value in pairwise(command_of) if option == "--workspace"]
            ours, others = location_origins_from_yaml_paths(files)
            assert (ours.location_name, ours.get_display_metadata()["socket"]) == ("video_assets", str(socket_file))
            assert (others.location_name, others.get_display_metadata()["python_file"]) == ("mail", str(tmp_path / "mail.py"))


def test_the_place_of_a_server_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom video_assets.local.server import only_daemon\n"
        "from video_assets.storage.layout import Layout\n"
        "with only_daemon(Layout(Path(sys.argv[1])), 'http://first'):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    first = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ServerError, match="http://first"), only_daemon(layout, "http://second"):
            pass
    finally:
        first.kill()
        first.communicate()
    with only_daemon(layout, "http://second"):
        held = claim_path(layout.lease("ui", "daemon"), 2)
        assert json.loads(held.read_text())["run_id"] == "http://second"


@pytest.mark.parametrize("after_s", [0.5, 2.0])
def test_sigterm_in_the_first_seconds_leaves_no_traceback(tmp_path: Path, after_s: float) -> None:
    (tmp_path / "video_assets.toml").write_text("")
    line = [sys.executable, "-m", "video_assets.cli.app", "ui", "--read-only", "--data-root", str(tmp_path)]
    ui = subprocess.Popen(
        [*line, "--port", str(free_port())], stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    time.sleep(after_s)
    ui.send_signal(signal.SIGTERM)
    _, said = ui.communicate(timeout=120)
    assert "Traceback" not in said
    # -SIGINT is 130 to a shell. CPython ends so when the interrupt met an exec() of text, as dataclasses do while imported.
    assert ui.returncode in {0, 130, -signal.SIGINT, -signal.SIGTERM}


def test_a_ui_without_standard_streams_serves(tmp_path: Path) -> None:
    """As some supervisors and scripts start programs."""
    (tmp_path / "video_assets.toml").write_text("")
    port = free_port()
    line = [sys.executable, "-m", "video_assets.cli.app", "ui", "--read-only", "--data-root", str(tmp_path), "--port", str(port)]
    ui = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *line])
    try:
        wait_for(lambda: intervals_of(Server(port, ui)) if is_answered(port) else ui.poll() is not None, timeout_s=300)
        assert ui.poll() is None
        ui.send_signal(signal.SIGTERM)
        assert ui.wait(timeout=120) == 0
    finally:
        ui.kill()
        ui.wait()


def test_a_folder_for_temporary_files_that_is_too_long_for_sockets_is_named(tmp_path: Path) -> None:
    """The system allows 107 bytes."""
    root, folder = tmp_path / "data", tmp_path / ("long" * 25)
    root.mkdir()
    folder.mkdir()
    (root / "video_assets.toml").write_text("")
    line = [sys.executable, "-m", "video_assets.cli.app", "ui", "--read-only", "--data-root", str(root)]
    environment = {**os.environ, "TMPDIR": str(folder)}
    refused = subprocess.run(
        [*line, "--port", str(free_port())], capture_output=True, text=True, timeout=300, env=environment, check=False
    )
    assert refused.returncode == 1
    assert str(folder) in refused.stderr
    assert "set TMPDIR to a shorter one" in refused.stderr
    assert list(folder.iterdir()) == []


def test_a_closed_terminal_ends_it_in_order(tmp_path: Path) -> None:
    """Shell and system both tell, and nothing is left behind. It listens on IPv6 where there is that."""
    (tmp_path / "video_assets.toml").write_text("")
    port, has_ipv6 = free_port(), Path("/proc/net/if_inet6").exists() and "0" * 31 + "1" in Path("/proc/net/if_inet6").read_text()
    host, url = ("[::1]", f"http://[::1]:{port} ") if has_ipv6 else ("127.0.0.1", f"http://127.0.0.1:{port} ")
    line = [sys.executable, "-m", "video_assets.cli.app", "ui", "--read-only", "--host", host, "--data-root", str(tmp_path)]
    with tempfile.TemporaryDirectory() as temporary:  # below `tmp_path` it would be too long for sockets
        environment = {**os.environ, "TMPDIR": temporary}
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup, which the UI would heed
        try:
            ui = subprocess.Popen([*line, "--port", str(port)], stderr=subprocess.PIPE, text=True, env=environment)
        finally:
            signal.signal(signal.SIGHUP, before)
        try:
            assert ui.stderr is not None
            assert any(f"web UI: {url}" in text for text in ui.stderr)
            for _ in range(2):
                ui.send_signal(signal.SIGHUP)
            _, said = ui.communicate(timeout=300)
            assert (ui.returncode, said) == (0, "stopping the web server\n")
            assert list(Path(temporary).glob("video-assets-*")) == []
        finally:
            ui.kill()
            ui.communicate()


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "video_assets.toml").write_text("")
    port = free_port()
    log = tmp_path / ".dagster" / f"ui-{port}.log"
    log.mkdir(parents=True)
    refused = command("ui", "--read-only", "--data-root", tmp_path, "--port", port)
    assert refused.returncode == 1
    assert f"error: {log}: Is a directory\n" in refused.stderr
    assert "Traceback" not in refused.stderr


def is_answered(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# Python drops what is raised in a callback of the garbage collector, SQLAlchemy logs what is raised while it closes a connection.
IN_A_CALLBACK = """
from video_assets.local import dagster_home

class Collected:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

prepare = dagster_home.prepare_home
dagster_home.prepare_home = lambda *arguments: (prepare(*arguments), Collected())[0]
"""
WHILE_A_CONNECTION_IS_CLOSED = """
from sqlalchemy.engine.default import DefaultDialect

close, asked = DefaultDialect.do_close, []

def closing(self, connection):
    if not asked:
        asked.append(True)
        signal.raise_signal(signal.SIGTERM)
    close(self, connection)

DefaultDialect.do_close = closing
"""


@pytest.mark.parametrize("where", [IN_A_CALLBACK, WHILE_A_CONNECTION_IS_CLOSED])
def test_a_sigterm_that_comes_at_a_bad_moment_is_neither_lost_nor_told_as_an_error(tmp_path: Path, where: str) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "video_assets.toml").write_text(f'[own_clips]\nfolder = "{tmp_path / "clips"}"\n')
    program = f"import signal\n{where}\nfrom video_assets.cli.app import main\nmain()"
    line = [sys.executable, "-c", program, "ui", "--read-only", "--data-root", str(root), "--port", str(free_port())]
    ui = subprocess.run(line, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert (ui.returncode, ui.stderr) == (130, "stopped\n")


DEAF = """
import signal, sys
from http.server import HTTPServer, SimpleHTTPRequestHandler

signal.signal(signal.SIGINT, signal.SIG_IGN)
HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
"""
PATIENT = """
from video_assets.local import server

server._STOP_S = 900.0
server.Server.commands = lambda self, *files: {"web server": ["deaf", str(self.port)]}
from video_assets.cli.app import main
main()
"""


def test_a_second_sigterm_does_not_wait_for_a_server_that_does_not_end(tmp_path: Path) -> None:
    (tmp_path / "video_assets.toml").write_text("")
    (tmp_path / "deaf.py").write_text(DEAF)
    line = [sys.executable, "-c", PATIENT, "ui", "--read-only", "--data-root", str(tmp_path), "--port", str(free_port())]
    ui = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert ui.stderr is not None
    for words in ("web UI: ", "stopping the web server"):
        assert any(words in text for text in ui.stderr)
        ui.send_signal(signal.SIGTERM)
    ui.communicate(timeout=300)
    assert ui.returncode == 0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
