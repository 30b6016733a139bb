"""The chart on a real cluster: installs it, checks clips, breaks things, compares every CSV with the laptop's.

`make test-kubernetes` uses the cluster and the namespace that KUBECONFIG points at (kind is enough). It needs kubectl, helm
(that of the development set will do) and an image that the nodes have:

    IMAGE=video-assets:dev            repository:tag
    POSTGRES_HOST=10.0.0.5            user, password and database `dagster`; default: the chart's bundled PostgreSQL
    NODE_LOSS="docker stop kind-worker2"  NODE_RETURN="docker start kind-worker2"  NODE=kind-worker2
                                      without them the loss of a node is left out
    FOLDER=/folder                    keeps the clips and the laptop's CSV for the next time
    CLIPS_HERE=/folder                where this machine sees the volume (may end in *): then openings of clips are counted

Every step prints what was seen; the exit code is 1 when anything differs from what it should be.
"""

import contextlib
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import tomlkit
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from dagster_server import BACKFILL, LAUNCH_BACKFILL, Server, wait_for
from media_factory import make_clip

from video_assets.core.sharding import shard_keys

CHART = Path(__file__).parents[2] / "helm"
RELEASE = "video-assets"
SHARDS = shard_keys(6)
N_COPIES = int(os.environ.get("COPIES", "36"))
SETTINGS = {
    "own_clips": {"settle_s": 0},
    "filter": {"max_file_size_mib": 1000},
    "decode": {"n_shards": 6, "memory_mib": 300, "workers": 1, "lease_stale_s": 20},
    "training": {"duplicates": "keep"},
    "checks": {"max_drop_share": 1, "max_bad_share": 1, "max_shard_excess": 1},
    "automation": {"is_enabled": False},
}
RUNS = """
query Runs($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status tags { key value } } } }
}
"""
CANCEL = "mutation Cancel($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename } }"
KILL_RUN = """
import os, signal
from pathlib import Path
for entry in Path("/proc").glob("[0-9]*/cmdline"):
    words = entry.read_bytes().split(b"\\0")
    if b"execute_run" in words and not words[0].endswith(b"tini"):
        os.kill(int(entry.parent.name), signal.SIGKILL)
"""


class WrongError(Exception):
    """Something is not as it should be."""


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)  # noqa: T201


def expect(text: str, found: Any, wanted: Any) -> None:
    """Say what was found; fail when it is something else."""
    if found != wanted:
        raise WrongError(f"{text}: {found!r}, not {wanted!r}")
    say(f"   ok: {text}: {found}")


def run(*command: str, **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise WrongError(f"{' '.join(command)} failed: {done.stderr.strip()[-800:]}")
    return done.stdout


def kubectl(*arguments: str) -> str:
    return run("kubectl", *arguments)


def exec_code(*command: str) -> str:
    return kubectl("exec", f"deployment/{RELEASE}-code", "--", *command)


class Ui(Server):
    """The web UI through a port-forward, which is made anew when its pod is."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        super().__init__(self._port, self._forward())

    def _forward(self) -> "subprocess.Popen[bytes]":
        command = ["kubectl", "port-forward", f"service/{RELEASE}-webserver", f"{self._port}:3000"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2)
        return process

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        for _ in range(60):
            try:
                return super().query(text, **variables)
            except (OSError, urllib.error.URLError, json.JSONDecodeError):
                self.close()
                self.process = self._forward()
        raise WrongError("the web UI does not answer")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def launch(self, shards: list[str]) -> str:
        """Start a backfill of the decode check as the UI does."""
        params = {"tags": [], "assetSelection": [{"path": ["decode_check"]}], "partitionNames": shards, "fromFailure": False}
        return self.query(LAUNCH_BACKFILL, backfillParams=params)["launchPartitionBackfill"]["backfillId"]

    def wait(self, backfill: str, timeout_s: float = 1200) -> str:
        return wait_for(lambda: self._ended(backfill), timeout_s=timeout_s)

    def status(self, backfill: str) -> str:
        return self.query(BACKFILL, id=backfill)["partitionBackfillOrError"]["status"]

    def runs(self, backfill: str) -> list[dict[str, Any]]:
        tags = [{"key": "dagster/backfill", "value": backfill}]
        found = self.query(RUNS, filter={"tags": tags})["runsOrError"]["results"]
        return [{**item, "tags": {tag["key"]: tag["value"] for tag in item["tags"]}} for item in found]


class Opened:
    """How often each clip was opened, counted with inotify where this machine sees the volume."""

    _IN_OPEN, _IS_FOLDER = 0x20, 0x40000000

    def __init__(self, folder: Path | None) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watch = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC) if folder else -1
        for place in [folder, *(path for path in folder.rglob("*") if path.is_dir())] if folder else []:
            self._libc.inotify_add_watch(self._watch, os.fsencode(place), self._IN_OPEN)

    def counts(self) -> Counter[str] | None:
        """Openings since the last call, by file name; None when nobody counts."""
        if self._watch < 0:
            return None
        found: Counter[str] = Counter()
        with contextlib.suppress(BlockingIOError):
            while block := os.read(self._watch, 1 << 16):
                while block:
                    _, mask, _, length = struct.unpack_from("iIII", block)
                    name = block[16 : 16 + length].rstrip(b"\0").decode()
                    found[name] += bool(name) and not name.endswith(".csv") and not mask & self._IS_FOLDER
                    block = block[16 + length :]
        return +found


def make_clips(folder: Path) -> None:
    """The sample, copies of a clip that takes a second, and one that needs more memory than a worker may take."""
    clips = folder / "clips"
    run(sys.executable, "-m", "video_assets.cli", "sample", str(clips))
    long = make_clip(clips / "long-0.mp4", n_frames=100, size=(960, 540))
    for number in range(1, N_COPIES):
        long.with_name(f"long-{number}.mp4").write_bytes(long.read_bytes() + b"\0\0\0\x10free" + number.to_bytes(8, "big"))
    make_clip(clips / "huge.mp4", n_frames=2, size=(8000, 8000), video="mpeg4")
    with (clips / "captions.csv").open("a", encoding="utf-8") as captions:
        captions.writelines(f"{name},caption of {name}\n" for name in ["huge.mp4", *(f"long-{n}.mp4" for n in range(N_COPIES))])


def laptop_run(folder: Path) -> None:
    """One machine makes its CSV of the same clips."""
    settings = {
        **SETTINGS,
        "own_clips": {"folder": str(folder / "clips"), "captions": str(folder / "clips/captions.csv"), "settle_s": 0},
    }
    settings["training"] = {**SETTINGS["training"], "relative_to": str(folder)}
    data = folder / "data"
    data.mkdir()
    (data / "video_assets.toml").write_text(tomlkit.dumps(settings))
    run(sys.executable, "-m", "video_assets.cli", "run", "--data-root", str(data))


def values(folder: Path) -> str:
    repository, _, tag = os.environ.get("IMAGE", "video-assets:dev").rpartition(":")
    small = {"requests": {"cpu": "50m", "memory": "300Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    settings = {**SETTINGS, "own_clips": {"folder": "/data/clips", "captions": "/data/clips/captions.csv", "settle_s": 0}}
    settings["training"] = {**SETTINGS["training"], "relative_to": "/data"}
    chosen: dict[str, Any] = {
        "image": {"repository": repository, "tag": tag},
        "settings": settings,
        "data": {"size": "1Gi"},
        "runs": {
            "maxConcurrent": 6,
            "pools": {"decode": 6},
            "nodeLossSeconds": 10,
            "resources": {
                "requests": {"cpu": "50m", "memory": "300Mi"},
                "limits": {"cpu": os.environ.get("RUN_CPU", "500m"), "memory": "1Gi"},
            },
        },
        "webserver": {"resources": small},
        "daemon": {"resources": small, "livenessProbe": {"enabled": False}},
        "codeServer": {"resources": small},
        # On a small cluster the pods that are not runs stay off the node that is going to be lost.
        "affinity": _away_from(os.environ.get("NODE", "")),
        "postgresql": {"bundled": {"enabled": True}},
    }
    if host := os.environ.get("POSTGRES_HOST"):
        chosen["postgresql"] = {"host": host, "passwordSecret": {"name": "proof-postgresql"}}
        secret = run("kubectl", "create", "secret", "generic", "proof-postgresql", "--from-literal=postgresql-password=dagster",
                     "--dry-run=client", "--output=yaml")  # fmt: skip
        run("kubectl", "apply", "--filename=-", input=secret)
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(chosen))
    return str(path)


def _away_from(node: str) -> dict[str, Any]:
    if not node:
        return {}
    other = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [other]}}}


def pods(backfill_runs: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Running pods of these runs: run id -> name, node."""
    listed = json.loads(kubectl("get", "pods", "--selector=app.kubernetes.io/component=run_worker", "--output=json"))["items"]
    ids = {item["runId"] for item in backfill_runs}
    found = {}
    for pod in listed:
        run_id = pod["metadata"]["labels"]["dagster/run-id"]
        if run_id in ids and pod["status"]["phase"] == "Running":
            found[run_id] = {"name": pod["metadata"]["name"], "node": pod["spec"]["nodeName"]}
    return found


class Proof:
    """The steps, in order; every step leaves a CSV to compare."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        csv = folder / "data" / "training" / "training.csv"
        if not csv.exists():
            say("the laptop makes its CSV")
            make_clips(folder)
            laptop_run(folder)
        self.laptop = csv.read_bytes()
        self.n_clips = sum(pq.read_metadata(file).num_rows for file in (folder / "data/decode/verdicts").glob("*.parquet"))
        self.usual: Counter[str] = Counter()  # openings when nothing goes wrong; a worker's death costs one more than a decode
        say(f"   {self.n_clips} clips were decoded, {len(self.laptop.splitlines()) - 1} are in its CSV")
        self.values = values(folder)
        self.ui: Ui
        self.opened: Opened

    def helm(self, *more: str) -> None:
        run("helm", "upgrade", "--install", RELEASE, str(CHART), "--values", self.values, "--wait", "--timeout", "10m", *more)

    def compare(self, *, decoded: int, redone_at_most: int = 0, label: str) -> None:
        """Publish, and hold the CSV against the laptop's; `decoded` clips had to be opened by the decode check."""
        counts = self.opened.counts()
        expect(f"{label}: publish", self.ui.run_job("publish", timeout_s=900), "SUCCESS")
        csv = exec_code("cat", "/data/training/training.csv").encode()
        expect(f"{label}: CSV byte-identical to the laptop's", csv == self.laptop, True)
        verdicts = self._verdicts()
        expect(f"{label}: verdicts, one per clip", (len(verdicts), len(set(verdicts))), (self.n_clips, self.n_clips))
        if counts is None:
            return
        self.usual = self.usual or counts
        again = counts - self.usual
        say(f"   {counts.total()} openings of {len(counts)} clips; more than usual: {dict(again) or 'none'}")
        expect(f"{label}: clips opened", len(counts), decoded)
        if again.total() > redone_at_most:
            raise WrongError(f"{label}: {dict(again)} were decoded again, but at most {redone_at_most} were in flight")

    def _verdicts(self) -> list[str]:
        code = (
            "import glob, pyarrow.parquet as pq\n"
            "for f in sorted(glob.glob('/data/decode/verdicts/*.parquet')):\n"
            "    print(*pq.read_table(f, columns=['clip_key'])['clip_key'].to_pylist(), sep='\\n')"
        )
        return exec_code("python", "-c", code).split()

    def forget(self) -> None:
        """Remove every verdict: the next backfill decodes all clips again."""
        exec_code("sh", "-c", "rm -rf /data/decode/verdicts /data/decode/checked")
        self.opened.counts()

    def begin(self) -> str:
        """A backfill of all shards, given time until at least two pods have written verdicts."""
        self.forget()
        backfill = self.ui.launch(SHARDS)
        wait_for(lambda: self._n_at_work() >= 2 or self.ui._ended(backfill), timeout_s=600)
        if self.ui._ended(backfill):
            raise WrongError("the backfill was over before anything could be done to it: set COPIES to more clips")
        return backfill

    def _n_at_work(self) -> int:
        return len(exec_code("sh", "-c", "find /data/decode/verdicts -name '*.jsonl' -size +0 2>/dev/null || true").split())

    def step_install(self) -> None:
        self.helm()
        self.ui = Ui()
        with tempfile.NamedTemporaryFile(suffix=".tar") as packed:
            with tarfile.open(packed.name, "w") as tar:
                tar.add(self.folder / "clips", "clips")
            with Path(packed.name).open("rb") as file:
                command = [
                    "kubectl",
                    "exec",
                    "-i",
                    f"deployment/{RELEASE}-code",
                    "--",
                    "tar",
                    "-x",
                    "-C",
                    "/data",
                    "--no-same-owner",
                ]
                subprocess.run(command, stdin=file, check=True)
        here = Path(os.environ.get("CLIPS_HERE", "/nowhere"))
        places = [place / "clips" for place in here.parent.glob(here.name) if (place / "clips").is_dir()]
        self.opened = Opened(places[0] if places else None)
        code = "from video_assets.io import cpus, memory; print(cpus.cpu_count(), memory.memory_limit_bytes())"
        expect(
            "the code server's pod counts CPUs and memory of its limits",
            exec_code("python", "-c", code).split(),
            ["2", str(1 << 30)],
        )
        expect(
            "who it is, and its root file system", exec_code("sh", "-c", "id -u; touch /x 2>&1 || true").split("\n")[0], "1000"
        )
        expect("prepare", self.ui.run_job("prepare", timeout_s=900), "SUCCESS")
        params = {"assetSelection": [{"path": ["shard_lists"]}], "partitionNames": SHARDS, "tags": [], "fromFailure": False}
        lists = self.ui.query(LAUNCH_BACKFILL, backfillParams=params)["launchPartitionBackfill"]["backfillId"]
        expect("shard lists", self.ui.wait(lists), "COMPLETED_SUCCESS")

    def step_backfill_over_nodes(self) -> None:
        self.forget()
        backfill = self.ui.launch(SHARDS)
        seen: dict[str, str] = {}

        def watch() -> str | None:
            seen.update({run_id: pod["node"] for run_id, pod in pods(self.ui.runs(backfill)).items()})
            return self.ui._ended(backfill)

        expect(
            "backfill of 6 shards, with one clip that needs too much memory", wait_for(watch, timeout_s=1200), "COMPLETED_SUCCESS"
        )
        say(f"   pods by node: {dict(Counter(seen.values()))}")
        nodes = len(kubectl("get", "nodes", "--output=name").split())
        expect("nodes that took part", len(set(seen.values())), min(nodes, 6))
        expect("runs, one per shard, none repeated", len(self.ui.runs(backfill)), 6)
        self.compare(decoded=self.n_clips, label="backfill")
        why = exec_code("video-assets", "why", "huge.mp4", "--data-root", "/data")
        expect("the clip that needs too much memory costs its worker, not its pod", "out_of_memory" in why, True)

    def step_sigkill_and_deleted_pod(self) -> None:
        backfill = self.begin()
        at_work = wait_for(lambda: len(found := pods(self.ui.runs(backfill))) >= 2 and found, timeout_s=300)
        (killed, pod), (deleted, other) = list(at_work.items())[:2]
        kubectl("exec", pod["name"], "--", "python", "-c", KILL_RUN)
        told = time.monotonic()
        kubectl("delete", "pod", other["name"], "--wait=true")
        say(f"   run {killed[:8]} SIGKILLed; pod of run {deleted[:8]} deleted, gone after {time.monotonic() - told:.1f} s")
        expect("backfill", self.ui.wait(backfill), "COMPLETED_SUCCESS")
        runs = self.ui.runs(backfill)
        statuses = {item["runId"]: item["status"] for item in runs}
        expect("the two runs", [statuses[killed], statuses[deleted]], ["FAILURE", "FAILURE"])
        expect(
            "runs that took over",
            sorted(item["tags"].get("dagster/parent_run_id", "") for item in runs)[-2:],
            sorted([killed, deleted]),
        )
        # In flight: one clip each; and what the killed process had not flushed yet (2 seconds).
        self.compare(decoded=self.n_clips, redone_at_most=2 + 6, label="SIGKILL and deleted pod")

    def step_daemon_and_upgrade(self) -> None:
        backfill = self.begin()
        kubectl("delete", "pod", "--selector=app.kubernetes.io/component=daemon", "--wait=false")
        say("   daemon's pod deleted; helm upgrade follows at once")
        self.helm("--set", "webserver.service.annotations.upgraded=yes", "--set", "runs.podLabels.upgraded=yes")
        expect("backfill", self.ui.wait(backfill), "COMPLETED_SUCCESS")
        runs = self.ui.runs(backfill)
        expect("runs, none lost or repeated", Counter(item["status"] for item in runs), Counter(SUCCESS=6))
        self.compare(decoded=self.n_clips, label="daemon restarted, helm upgrade")

    def step_cancel(self) -> None:
        backfill = self.begin()
        told = time.monotonic()
        self.ui.query(CANCEL, id=backfill)
        expect("backfill", self.ui.wait(backfill), "CANCELED")
        wait_for(lambda: not pods(self.ui.runs(backfill)), timeout_s=120)
        say(f"   canceled and all pods gone after {time.monotonic() - told:.0f} s")
        again = self.ui.launch(SHARDS)
        expect("backfill of all shards again", self.ui.wait(again), "COMPLETED_SUCCESS")
        self.compare(decoded=self.n_clips, redone_at_most=6, label="cancel")

    def step_node_lost(self) -> None:
        loss, back, node = (os.environ.get(name, "") for name in ("NODE_LOSS", "NODE_RETURN", "NODE"))
        if not (loss and back and node):
            say("   left out: set NODE_LOSS, NODE_RETURN and NODE")
            return
        backfill = self.begin()
        wait_for(lambda: [p for p in pods(self.ui.runs(backfill)).values() if p["node"] == node], timeout_s=300)
        lost = [run_id for run_id, pod in pods(self.ui.runs(backfill)).items() if pod["node"] == node]
        subprocess.run(loss, shell=True, check=True)  # noqa: S602 - the user's own command
        told = time.monotonic()
        say(f"   {node} lost with {len(lost)} runs")
        try:
            expect("backfill", self.ui.wait(backfill, 1500), "COMPLETED_SUCCESS")
            say(f"   done {time.monotonic() - told:.0f} s after the loss")
            statuses = {item["runId"]: item["status"] for item in self.ui.runs(backfill)}
            expect("the lost runs", {statuses[run_id] for run_id in lost}, {"FAILURE"})
            self.compare(decoded=self.n_clips, redone_at_most=7 * len(lost), label="node lost")
        finally:
            subprocess.run(back, shell=True, check=True)  # noqa: S602 - the user's own command

    def step_uninstall_and_reinstall(self) -> None:
        self.ui.close()
        run("helm", "uninstall", RELEASE, "--wait", "--timeout", "5m")
        claim = kubectl("get", "pvc", f"{RELEASE}-data", "--output=jsonpath={.status.phase}")
        expect("the data's claim after helm uninstall", claim, "Bound")
        self.helm()
        self.ui = Ui()
        self.opened.counts()
        expect("shards known to the reinstalled release", len(self.ui.partitions("decode_check")["materialized"]), 6)
        backfill = self.ui.launch(SHARDS)
        expect("backfill", self.ui.wait(backfill), "COMPLETED_SUCCESS")
        counts = self.opened.counts()
        expect("clips opened", 0 if counts is None else counts.total(), 0)
        self.compare(decoded=0, label="uninstalled and reinstalled")


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get("FOLDER", temporary))
        folder.mkdir(exist_ok=True)
        proof = Proof(folder)
        wanted = sys.argv[1:]
        steps = (name for name in Proof.__dict__ if name.startswith("step_"))
        failures = 0
        for name in steps:
            if wanted and name != "step_install" and name.removeprefix("step_") not in wanted:
                continue
            say(name.removeprefix("step_").replace("_", " "))
            try:
                getattr(proof, name)()
            except (WrongError, TimeoutError) as error:
                failures += 1
                say(f"   WRONG: {error}")
        say(f"{failures} steps failed" if failures else "all steps passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
