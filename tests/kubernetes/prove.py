"""The chart on a real cluster: installs it, checks clips, breaks things, compares every CSV with the laptop's.

`make test-kubernetes` uses the cluster and the namespace that KUBECONFIG points at (kind is enough). It needs kubectl, helm
(that of the development set will do) and an image that the nodes have:

    IMAGE=video-assets:dev            repository:tag
    POSTGRES_HOST=10.0.0.5            user, password and database `dagster`; default: the chart's bundled PostgreSQL
    POSTGRES_IMAGE=postgres:17.6      image of the bundled PostgreSQL
    NODE_LOSS="docker stop kind-worker2"  NODE_RETURN="docker start kind-worker2"  NODE=kind-worker2
                                      without them the loss of a node is left out
    NODE_ILL="…"  NODE_WELL="…"       take the folder clips of the volume away from NODE alone, and give it back;
                                      without them that step is left out
    FOLDER=/folder                    keeps the clips and the laptop's CSV for the next time
    CLIPS_HERE=/folder                where this machine sees the volume (may end in *): then openings of clips are counted

Every step prints what was seen, and how many clips were decoded twice; the exit code is 1 when anything differs from what it
should be.
Name steps to run those alone (STEPS="cancel clean_up"), after the installation.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from csv import DictReader
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
from cluster import (
    MATERIALIZATIONS,
    RELEASE,
    SET_POOL,
    Ui,
    WrongError,
    exec_code,
    expect,
    kubectl,
    namespace,
    pods,
    printed_by,
    run,
    run_words,
    say,
)
from dagster_server import LAUNCH_BACKFILL, LAUNCH_JOB, job_params, wait_for
from material import RESOURCES, SHARDS, START_TIMEOUT_S, Opened, images, laptop_run, make_clips, values
from mira_tables import v1_row, write_v1

from video_assets.core.sharding import PROBE_PARTS, shard_of
from video_assets.settings.sources import MiraData
from video_assets.sources.miradata.listing import refresh_listing, rows_path
from video_assets.storage.layout import Layout

CHART = Path(__file__).parents[2] / "helm"
KILL_RUN = """
import os, signal
from pathlib import Path
for entry in Path("/proc").glob("[0-9]*/cmdline"):
    words = entry.read_bytes().split(b"\\0")
    if b"execute_run" in words and not words[0].endswith(b"tini"):
        os.kill(int(entry.parent.name), signal.SIGKILL)
"""
RECEIVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

HTTPServer(("", 8080), Receiver).serve_forever()
"""


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
        self.twice: dict[str, str] = {}  # clips decoded twice, by step
        say(f"   {self.n_clips} clips were decoded, {len(self.laptop.splitlines()) - 1} are in its CSV")
        self.values = values(folder)
        self.backfill = ""
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
        # A decode opens its clip once; the one that kills its worker may be tried once more, alone.
        again = counts - Counter(counts.keys()) - Counter({"huge.mp4": 1})
        self.twice[label] = f"{again.total()} of {len(counts)}"
        say(f"   clips decoded twice: {self.twice[label]} {dict(again) or ''}")
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
        code = "from video_assets.workers import cpus, memory; print(cpus.cpu_count(), memory.memory_limit_bytes())"
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
        self.backfill = backfill
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
        log = self.ui.messages(deleted)
        begin = next(seconds for seconds, text in log if "told to stop" in text)
        end = next(seconds for seconds, text in log if seconds > begin and text.startswith("Execution of run"))
        say(f"   the run of the deleted pod had ended {end - begin:.1f} s after SIGTERM")
        expect("that is below 10 s", end - begin < 10, True)
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

    def step_resources_by_kind(self) -> None:
        expect("publish", self.ui.run_job("publish", timeout_s=900), "SUCCESS")
        jobs = json.loads(kubectl("get", "jobs", "--selector=app.kubernetes.io/component=run_worker", "--output=json"))["items"]
        seen: dict[str, set[str]] = {}
        for job in jobs:
            [container] = job["spec"]["template"]["spec"]["containers"]
            kind = {"decode": "decode", "probe": "decode", "ASSET_JOB": "decode or lists"}.get(
                job["metadata"]["labels"]["dagster/job"], "tables"
            )
            seen.setdefault(kind, set()).add(container["resources"]["requests"]["memory"])
        say(f"   memory requested by runs: {seen}")
        expect("of the jobs prepare and publish", seen["tables"], {RESOURCES["tables"]["requests"]["memory"]})
        backfill = {item["runId"] for item in self.ui.runs(self.backfill)}
        asked = {
            job["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"]
            for job in jobs
            if job["metadata"]["labels"]["dagster/run-id"] in backfill
        }
        expect("of the backfill's runs", asked, {RESOURCES["decode"]["requests"]["memory"]})

    def _refused(self, *sets: str) -> str:
        """What `helm upgrade` says when it does not happen; ConfigMaps and Deployments stay as they were."""

        def live() -> list[str]:
            maps = [
                kubectl("get", "configmap", f"{RELEASE}-{name}", "--output=jsonpath={.data}") for name in ("settings", "instance")
            ]
            return [*maps, kubectl("get", "deployments", "--output=jsonpath={.items[*].metadata.generation}")]

        before = live()
        try:
            self.helm(*(word for value in sets for word in ("--set", value)))
        except WrongError as error:
            expect(f"what is live after a refused {', '.join(sets)}", live() == before, True)
            return str(error)
        raise WrongError(f"helm upgrade --set {' '.join(sets)} was not refused")

    def step_refused_upgrades(self) -> None:
        for value, words in {
            "settings.automation.timezone=Mars/Base": "settings.automation.timezone: Does not match",
            "settings.automation.nightly_cron=abc": "settings.automation.nightly_cron: Does not match",
            "settings.decode.tolerated_reasons={blah}": "must be one of the following",
            "runs.resources.decode.limits.memory=10Mi": "more than its limit of 10Mi",
        }.items():
            expect(f"helm says why {value} is refused", words in self._refused(value), True)
        said = self._refused("settings.automation.timezone=Europe/Nowhere")
        say(f"   helm says: {said.splitlines()[-1][-200:]}")
        told = kubectl("logs", f"job/{RELEASE}-check").strip()
        say(f"   the hook's log: {told}")
        expect("lines of it", len(told.splitlines()), 1)
        expect("it says why", "automation.timezone: there is no time zone 'Europe/Nowhere': write an IANA name" in told, True)
        self.helm()

    def step_n_shards_during_a_backfill(self) -> None:
        backfill = self.begin()
        said = self._refused("settings.decode.n_shards=8")
        told = kubectl("logs", f"job/{RELEASE}-check-work").strip()
        say(f"   helm says: {said.splitlines()[-1][-200:]}")
        say(f"   the hook's log: {told}")
        expect("it names the backfill", f"backfill {backfill} is at work on shards" in told, True)
        expect("and says how to go on", "Wait for its end, or cancel it in the UI" in told, True)
        expect("backfill", self.ui.wait(backfill), "COMPLETED_SUCCESS")
        self.compare(decoded=self.n_clips, label="n_shards refused during a backfill")
        self.helm("--set", "settings.decode.n_shards=8")
        say("   afterwards the same upgrade happens")
        self.helm()

    def step_node_whose_storage_does_not_deliver(self) -> None:
        ill, well, node = (os.environ.get(name, "") for name in ("NODE_ILL", "NODE_WELL", "NODE"))
        if not (ill and well and node):
            say("   left out: set NODE_ILL, NODE_WELL and NODE")
            return
        self.forget()
        run("sh", "-c", ill)
        try:
            backfill = self.ui.launch(SHARDS)
            expect("backfill, with one node that does not deliver", self.ui.wait(backfill), "COMPLETED_SUCCESS")
        finally:
            run("sh", "-c", well)
        runs = self.ui.runs(backfill)
        failed = [item for item in runs if item["status"] == "FAILURE"]
        say(f"   {len(failed)} runs failed on {node}; {len(runs) - len(failed)} succeeded")
        expect("where they failed", {item["tags"]["video_assets/not_on_node"] for item in failed}, {node})
        said = " ".join(text for item in failed for _, text in self.ui.messages(item["runId"]))
        expect("their logs say what follows", "it is tried once more on another one" in said, True)
        expect("runs that succeeded", len(runs) - len(failed), len(SHARDS))
        if len(failed) >= 3:
            expect("the node is named", f"Node {node} has not delivered" in said, True)
        self.compare(decoded=self.n_clips, label="node whose storage does not deliver")

    def step_helpers_probe(self) -> None:
        """Pods on all nodes probe parts of the clips, as for a first listing; `prepare` probes what they leave."""
        exec_code("sh", "-c", "rm -rf /data/metadata")
        self.opened.counts()
        backfill = self.ui.launch_job("probe", PROBE_PARTS[:8])
        node_of: dict[str, str] = {}

        def watch() -> str | None:
            node_of.update({pod["name"]: pod["node"] for pod in pods(self.ui.runs(backfill)).values()})
            return self.ui._ended(backfill)

        expect("backfill of 8 parts of the job probe", wait_for(watch, timeout_s=1200), "COMPLETED_SUCCESS")
        lines = exec_code("sh", "-c", "cd /data/metadata/probes.parts && wc -l *.jsonl").splitlines()
        probed: Counter[str] = Counter()
        for n_clips, file in (line.split() for line in lines if ".jsonl" in line):
            probed[next(node for pod, node in node_of.items() if pod in file)] += int(n_clips)
        say(f"   clips that the pods of each node probed: {dict(probed)}")
        expect("nodes that took part", len(probed), min(len(kubectl("get", "nodes", "--output=name").split()), 8))
        expect("prepare", self.ui.run_job("prepare", timeout_s=900), "SUCCESS")
        expect("results that no table has taken", exec_code("ls", "/data/metadata/probes.parts").split(), [])
        counts = self.opened.counts()
        if counts is not None:
            say(f"   {len(counts)} clips opened, {len(counts) - probed.total()} of them by prepare")
            expect("clips probed twice", dict(counts - Counter(counts.keys())), {})
        self.compare(decoded=0, label="helpers probe")

    def step_alerts(self) -> None:
        """A receiver in the cluster; a failing run, and where possible a node that fails again and again, are told."""
        repository, _, tag = os.environ.get("IMAGE", "video-assets:dev").rpartition(":")
        kubectl("delete", "pod,service,secret", "alerts", "--ignore-not-found", "--wait=true")
        options = ["--image-pull-policy=IfNotPresent", "--restart=Never", "--port=8080", "--expose", "--command"]
        kubectl("run", "alerts", f"--image={repository}:{tag}", *options, "--", "python", "-u", "-c", RECEIVER)
        kubectl("wait", "--for=condition=Ready", "pod/alerts", "--timeout=120s")
        kubectl("create", "secret", "generic", "alerts", "--from-literal=url=http://alerts:8080/hook")
        ui_url = "https://dagster.example.org"
        self.helm("--set", "alerts.webhookSecret.name=alerts", "--set", f"settings.automation.ui_url={ui_url}")
        # The first look notes what failed before.
        wait_for(lambda: "nothing to tell" in self.ui.last_tick("alerts"), timeout_s=300)
        clip = "long-3.mp4"
        shard = shard_of(f"own_clips/{clip}", n_shards=len(SHARDS))
        self.forget()
        exec_code("chmod", "000", f"/data/clips/{clip}")
        try:
            backfill = self.ui.launch([shard])
            expect("backfill of a shard with a clip that cannot be read", self.ui.wait(backfill), "COMPLETED_FAILED")
            told = wait_for(lambda: kubectl("logs", "alerts").strip(), timeout_s=300)
        finally:
            exec_code("chmod", "644", f"/data/clips/{clip}")
        say(f"   the receiver got: {told}")
        [alert] = json.loads(told.splitlines()[0])["alerts"]
        failed = {item["runId"] for item in self.ui.runs(backfill) if item["status"] == "FAILURE"}
        expect("alert", (alert["kind"], alert["subject"]), ("run_failed", "decode_check"))
        expect("its link leads to a run of the backfill", alert["url"].removeprefix(f"{ui_url}/runs/") in failed, True)
        expect("it names the clip", f"own_clips/{clip}" in alert["detail"], True)
        self._alert_of_an_ill_node()
        self.helm()
        kubectl("delete", "pod,service,secret", "alerts", "--wait=false")

    def _alert_of_an_ill_node(self) -> None:
        ill, well, node = (os.environ.get(name, "") for name in ("NODE_ILL", "NODE_WELL", "NODE"))
        if not (ill and well and node):
            say("   the alert of an ill node left out: set NODE_ILL, NODE_WELL and NODE")
            return
        n_before = len(kubectl("logs", "alerts").splitlines())
        run("sh", "-c", ill)
        try:
            expect("backfill, with one node that does not deliver", self.ui.wait(self.ui.launch(SHARDS)), "COMPLETED_SUCCESS")
        finally:
            run("sh", "-c", well)
        words = f"Node {node} has not delivered"
        told = wait_for(lambda: words in kubectl("logs", "alerts") and kubectl("logs", "alerts"), timeout_s=300)
        say(f"   the receiver got: {told.splitlines()[n_before:]}")
        expect("the node is named", words in told, True)

    def step_miradata_table(self) -> None:
        """MiraData's CSV, read by a pod, gives the listing that it gives on the laptop."""
        here = Layout(self.folder / "miradata")
        table = self.folder / "miradata.csv"
        captions = ("plain", 'says "so", twice', "two\nlines", "größer als 字")
        rows = [v1_row(f"{n}.0", f"https://example.org/{n}.mp4", 0, 5, dense_caption=captions[n % 4]) for n in range(300)]
        write_v1(table, rows)
        laptops = refresh_listing(here, MiraData(is_enabled=True, csv=str(table)))
        with table.open("rb") as file:
            run("kubectl", "exec", "-i", f"deployment/{RELEASE}-code", "--", "sh", "-c", "cat >/data/miradata.csv", stdin=file)
        self.helm("--set", "settings.miradata.is_enabled=true,settings.miradata.csv=/data/miradata.csv")
        expect("list_miradata", self.ui.run_job("list_miradata", timeout_s=900), "SUCCESS")
        found = exec_code("sh", "-c", "cd /data/listings/miradata && sha256sum *.parquet").split()
        rows_here = rows_path(here, laptops.revision)
        wanted = [hashlib.sha256(rows_here.read_bytes()).hexdigest(), rows_here.name]
        expect("rows of the listing, by hash and name as on the laptop", found, wanted)
        say(f"   {laptops.n_rows} rows, {laptops.n_captioned} with a caption, {len(laptops.batches)} batches")
        self.helm()

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
        """Cancelled in the UI; says where the seconds go."""
        backfill = self.begin()
        told = time.monotonic()
        self.ui.cancel(backfill)
        seen: dict[str, float] = {}
        while not {"CANCELED", "no pod left"} <= set(seen):
            runs = self.ui.runs(backfill)
            marks = {
                "first run CANCELING": any(item["status"] == "CANCELING" for item in runs),
                "all runs ended": all(item["status"] in {"CANCELED", "SUCCESS", "FAILURE"} for item in runs),
                "no pod left": not pods(runs),
                "CANCELED": self.ui._ended(backfill) == "CANCELED",
            }
            for name in (name for name, is_so in marks.items() if is_so):
                seen.setdefault(name, round(time.monotonic() - told, 1))
            time.sleep(0.5)
        say(f"   seconds after the click: {seen}; load {os.getloadavg()[0]:.0f}")
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
        there = [run_id for run_id, pod in pods(self.ui.runs(backfill)).items() if pod["node"] == node]
        run("sh", "-c", loss)
        told = time.monotonic()
        done = {item["runId"] for item in self.ui.runs(backfill) if item["status"] == "SUCCESS"}  # while the node went down
        lost = [run_id for run_id in there if run_id not in done]
        say(f"   {node} lost with {len(lost)} runs")
        try:
            expect("backfill", self.ui.wait(backfill, 1500), "COMPLETED_SUCCESS")
            say(f"   done {time.monotonic() - told:.0f} s after the loss")
            statuses = {item["runId"]: item["status"] for item in self.ui.runs(backfill)}
            expect("the lost runs", {statuses[run_id] for run_id in lost}, {"FAILURE"})
            self.compare(decoded=self.n_clips, redone_at_most=7 * len(lost), label="node lost")
        finally:
            run("sh", "-c", back)

    def step_storage_does_not_deliver(self) -> None:
        clip = "long-3.mp4"
        shard = shard_of(f"own_clips/{clip}", n_shards=len(SHARDS))
        self.forget()
        exec_code("chmod", "000", f"/data/clips/{clip}")
        try:
            expect("backfill", self.ui.wait(self.ui.launch(SHARDS)), "COMPLETED_FAILED")
        finally:
            exec_code("chmod", "644", f"/data/clips/{clip}")
        expect("failed shards", self.ui.partitions("decode_check")["failed"], [shard])
        expect("publish meanwhile", self.ui.run_job("publish", timeout_s=900), "FAILURE")
        again = self.ui.launch([shard])
        expect("backfill of that shard after mending", self.ui.wait(again), "COMPLETED_SUCCESS")
        self.compare(decoded=self.n_clips, label="storage that did not deliver")

    def step_pod_cannot_start(self) -> None:
        too_much = {"container_config": {"resources": {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}}}}
        tags = {"dagster-k8s/config": json.dumps(too_much), "dagster/max_retries": "1", "proof": "cannot start"}
        told = time.monotonic()
        first = self.ui.start_job("prepare", tags=tags)
        expect("run", wait_for(lambda: self.ui.run_ended(first), timeout_s=900), "FAILURE")
        waited_s = time.monotonic() - told
        expect("it waited for the start timeout", waited_s > START_TIMEOUT_S, True)
        messages = [text for _, text in self.ui.messages(first)]
        reasons = [line for line in messages if "nsufficient" in line] or messages
        say(f"   failed after {waited_s:.0f} s; its log says: {reasons[-1]}")
        runs = wait_for(lambda: len(found := self.ui.tagged("proof", "cannot start")) > 1 and found, timeout_s=120)
        expect("runs, with the one that was started instead", len(runs), 2)
        second = next(item["runId"] for item in runs if item["runId"] != first)
        expect("that one", wait_for(lambda: self.ui.run_ended(second), timeout_s=900), "FAILURE")
        jobs = [f"job/dagster-run-{run_id}" for run_id in (first, second)]
        left = kubectl("get", "pods", "--field-selector=status.phase=Pending", "--output=name").split()
        say(f"   pods that still wait for room: {len(left)}; deleting their Jobs")
        kubectl("delete", *jobs, "--ignore-not-found")

    def step_clean_up(self) -> None:
        for _ in range(3):  # the last two of each asset are kept whatever their age
            expect("publish", self.ui.run_job("publish", timeout_s=900), "SUCCESS")
        before = self.ui.n_runs("SUCCESS", "FAILURE", "CANCELED")
        expect("clean_up", self.ui.run_job("clean_up", timeout_s=900), "SUCCESS")
        after = self.ui.n_runs("SUCCESS", "FAILURE", "CANCELED")
        say(f"   ended runs in PostgreSQL: {before}, after the clean-up {after}")
        expect("fewer", after < before, True)
        expect("shards that it shows as before", len(self.ui.partitions("decode_check")["materialized"]), len(SHARDS))

    def step_read_only_and_ingress(self) -> None:
        self.helm(
            "--set", "webserver.readOnly.enabled=true,ingress.enabled=true,ingress.readOnly=true,ingress.host=clips.example.org"
        )
        made = json.loads(kubectl("get", "ingress", RELEASE, "--output=json"))
        [rule] = made["spec"]["rules"]
        [path] = rule["http"]["paths"]
        target = path["backend"]["service"]
        service = json.loads(kubectl("get", "service", target["name"], "--output=json"))
        expect("host", rule["host"], "clips.example.org")
        expect(
            "port of the service",
            [port["port"] for port in service["spec"]["ports"] if port["name"] == target["port"]["name"]],
            [3000],
        )
        shown = Ui(target["name"])
        try:
            expect("shards that it shows", len(shown.partitions("decode_check")["materialized"]), len(SHARDS))
            answer = shown.query(LAUNCH_JOB, params=job_params("publish"))["launchPipelineExecution"]
            expect("a run started there", answer["__typename"], "UnauthorizedError")
            expect("a pool changed there", shown.status_of(SET_POOL)[0], 403)
            touched = run_words("kubectl", "exec", f"deployment/{target['name']}", "--", "touch", "/data/x")
            expect("a file written there", "Read-only file system" in touched, True)
            account = f"system:serviceaccount:{namespace()}:{RELEASE}-read-only"
            asked = run_words("kubectl", "auth", "can-i", "create", "jobs", f"--as={account}")
            expect("may its account create Jobs", asked.split()[-1], "no")
        finally:
            shown.close()
        self.helm()

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

    def step_trial(self) -> None:
        """helm/examples/trial.yaml as it is, in place of this release: nothing prepared, nothing clicked."""
        self.ui.close()
        run("helm", "uninstall", RELEASE, "--wait", "--timeout", "5m")
        kubectl("delete", "jobs", "--all", "--wait=true")  # pods of runs that have ended still hold the claim
        kubectl("delete", "pvc", "--all", "--wait=true")
        sample = self.folder / "sample"
        if not sample.exists():
            run(sys.executable, "-m", "video_assets.cli.app", "run", "--sample", "--data-root", str(sample))
        told = time.monotonic()
        run(
            "helm",
            "install",
            RELEASE,
            str(CHART),
            "--values",
            str(CHART / "examples/trial.yaml"),
            *images(),
            "--wait",
            "--timeout",
            "10m",
        )
        say(f"   helm install --wait took {time.monotonic() - told:.0f} s")
        look = (
            "kubectl",
            "exec",
            f"deployment/{RELEASE}-code",
            "--",
            "sh",
            "-c",
            "cat /data/training/training.csv 2>/dev/null || true",
        )
        csv = wait_for(lambda: printed_by(*look).strip(), timeout_s=1500)
        say(f"   a training CSV after {time.monotonic() - told:.0f} s")
        [laptops] = (sample / "training").glob("*.csv")
        expect("clips in it", sorted(clip_names(csv)), sorted(clip_names(laptops.read_text())))
        self.ui = Ui()
        events = self.ui.query(MATERIALIZATIONS)["assetNodeOrError"]["assetMaterializations"]
        entries = [entry for event in events for entry in event["metadataEntries"]]
        decoded = sum(int(entry["intRepr"]) for entry in entries if entry["label"] == "newly_decoded_clips")
        n_verdicts = len(self._verdicts())
        expect("runs that failed or were cancelled", self.ui.n_runs("FAILURE", "CANCELED"), 0)
        expect("clips decoded, and clips with a verdict", (decoded, n_verdicts), (n_verdicts, n_verdicts))
        self.twice["trial"] = f"{decoded - n_verdicts} of {n_verdicts}"


def clip_names(csv: str) -> list[str]:
    """File names and the number of decoded frames."""
    rows = DictReader(StringIO(csv))
    return [f"{row['path'].rpartition('/')[2]} {row['num_frames']}" for row in rows]


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
        say("clips decoded twice, by step:")
        for label, twice in proof.twice.items():
            say(f"   {label}: {twice}")
        say(f"{failures} steps failed" if failures else "all steps passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
