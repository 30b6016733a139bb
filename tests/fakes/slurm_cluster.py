"""A real Slurm on this machine: munged, slurmctld, and a slurmd for each of some nodes, with ports and folders of its own.

    with slurm_cluster(n_nodes=2) as cluster:      # SLURM_CONF is set in the environment
        cluster.kill_node("n1")                    # loses power: slurmd and all processes of its jobs die by SIGKILL
        cluster.start_node("n1")
        cluster.stop_controller()

Needs Debian's slurmctld, slurmd, slurm-client and munge; `why_no_slurm` says what is missing. One user, no accounting, no
control groups; all nodes share the machine's disk.
"""

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_PATH = os.environ["PATH"]  # the administrator works on while another test has set its own
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
_CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/%n
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,requeue_delay=1
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=10
KillWait=3
MinJobAge=30
PartitionName=all Nodes=n[1-{n_nodes}] Default=YES MaxTime=1-0 State=UP
"""
_NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=8000 State=UNKNOWN\n"


@functools.cache
def why_no_slurm() -> str:
    """Why there can be no cluster here; "" when there can."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    missing = [program for program in _PROGRAMS if shutil.which(program, path=path) is None]
    return f"{', '.join(missing)} not installed (Debian: slurmctld slurmd slurm-client munge)" if missing else ""


class SlurmCluster:
    """Its daemons."""

    def __init__(self, folder: Path, n_nodes: int) -> None:
        self.folder = folder
        self.nodes = [f"n{number + 1}" for number in range(n_nodes)]
        self.conf = folder / "slurm.conf"

    def configure(self) -> None:
        """Write slurm.conf and the key of munge."""
        ports, host = _free_ports(1 + len(self.nodes)), socket.gethostname().partition(".")[0]
        user = psutil.Process().username()
        text = _CONF.format(host=host, port=ports[0], user=user, folder=self.folder, n_nodes=len(self.nodes))
        nodes = zip(self.nodes, ports[1:], strict=True)
        self.conf.write_text(text + "".join(_NODE.format(name=name, host=host, port=port) for name, port in nodes))
        (self.folder / "state").mkdir()
        for node in self.nodes:
            (self.folder / node).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)

    def start(self) -> None:
        """All daemons, until all nodes are idle."""
        options = {"socket": "munge.sock", "key-file": "munge.key", "pid-file": "munged.pid", "log-file": "munged.log"}
        options["seed-file"] = "munge.seed"
        _run("munged", "--force", *(f"--{option}={self.folder / name}" for option, name in options.items()))
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self.wait_until_idle()

    def start_controller(self) -> None:
        """Slurmctld."""
        _run("slurmctld", "-f", str(self.conf))

    def stop_controller(self) -> None:
        """As for an upgrade: it keeps its state."""
        controller = psutil.Process(int((self.folder / "slurmctld.pid").read_text()))
        controller.terminate()
        controller.wait(60)

    def crash_controller(self) -> None:
        """SIGKILL: what it learnt since it last saved its state, up to some seconds ago, is lost with it."""
        controller = psutil.Process(int((self.folder / "slurmctld.pid").read_text()))
        controller.kill()
        controller.wait(60)

    def start_node(self, node: str) -> None:
        """A node's slurmd."""
        _run("slurmd", "-N", node, "-f", str(self.conf))

    def kill_node(self, node: str) -> None:
        """It loses power: nothing of it goes on, nobody is told."""
        slurmd = psutil.Process(int((self.folder / f"{node}.pid").read_text()))
        slurmd.suspend()  # it must not tell the controller of the deaths
        doomed = [process for process in psutil.process_iter() if _is_of(process, node)]
        steps = [process.parent() for process in doomed if process.pid == process.parent().pid or _is_step(process.parent())]
        for process in [*filter(None, steps), *doomed, slurmd]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        (self.folder / f"{node}.pid").unlink()

    def resume_drained_nodes(self) -> None:
        """As an administrator does who has looked at them."""
        lines = self.call("sinfo", "-h", "-N", "-o", "%N %T", check=False).splitlines()  # none while there is no controller
        for node in [line.split()[0] for line in lines if line.partition(" ")[2].startswith("drain")]:
            self.call("scontrol", "update", f"NodeName={node}", "State=RESUME", check=False)

    def wait_until_idle(self) -> None:
        """All nodes are up and nothing runs on them."""
        deadline = time.monotonic() + 120
        while set(self.call("sinfo", "-h", "-N", "-o", "%T", check=False).split()) != {"idle"}:
            if time.monotonic() > deadline:
                logs = [f"{log.name}: {log.read_text()[-2000:]}" for log in self.folder.glob("*.log")]
                raise TimeoutError("the cluster does not come up: " + "\n".join(logs))
            time.sleep(0.1)

    def call(self, *command: str, check: bool = True) -> str:
        """What a command of Slurm prints."""
        program = shutil.which(command[0], path=_PATH) or command[0]
        return subprocess.run([program, *command[1:]], check=check, capture_output=True, text=True).stdout

    def stop(self) -> None:
        """Cancel everything and end all daemons."""
        self.call("scancel", "--user", psutil.Process().username(), check=False)
        for process in [process for node in self.nodes for process in psutil.process_iter() if _is_of(process, node, self.conf)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for pid in [
            *(self.folder / f"{node}.pid" for node in self.nodes),
            self.folder / "slurmctld.pid",
            self.folder / "munged.pid",
        ]:
            _end(pid, signal.SIGKILL)


@contextmanager
def slurm_cluster(*, n_nodes: int = 2) -> Iterator[SlurmCluster]:
    """A cluster until the block ends; commands of Slurm use it."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        cluster = SlurmCluster(Path(folder), n_nodes)
        cluster.configure()
        os.environ |= {"SLURM_CONF": str(cluster.conf), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
            for name in ("SLURM_CONF", "PATH"):
                os.environ.pop(name)
            os.environ |= {name: before[name] for name in ("SLURM_CONF", "PATH") if name in before}


def _is_of(process: psutil.Process, node: str, conf: Path | None = None) -> bool:
    """True for processes of jobs on this node."""
    try:
        environ = process.environ()
    except psutil.Error:
        return False
    return environ.get("SLURMD_NODENAME") == node and environ.get("SLURM_CONF") == str(conf or os.environ["SLURM_CONF"])


def _is_step(process: psutil.Process | None) -> bool:
    try:
        return process is not None and process.name() == "slurmstepd"
    except psutil.NoSuchProcess:
        return False


def _end(pid_file: Path, number: int) -> None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        os.kill(int(pid_file.read_text()), number)
    pid_file.unlink(missing_ok=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise OSError(f"{command[0]} does not start: {done.stderr or done.stdout}")


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(number)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
