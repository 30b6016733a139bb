"""The cluster of KUBECONFIG as the proof uses it: kubectl, the release's pods, its web UI through a port-forward."""

import json
import socket
import subprocess
import time
import urllib.error
from typing import Any

from dagster_server import LAUNCH_BACKFILL, Server, wait_for

RELEASE = "video-assets"
RUNS = """
query Runs($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status tags { key value } } } }
}
"""
MESSAGES = """
query Messages($id: ID!) {
  logsForRun(runId: $id) { ... on EventConnection { events { ... on MessageEvent { message timestamp } } } }
}
"""

MATERIALIZATIONS = """
query {
  assetNodeOrError(assetKey: {path: ["decode_check"]}) {
    ... on AssetNode { assetMaterializations { metadataEntries { label ... on IntMetadataEntry { intRepr } } } }
  }
}
"""
TICKS = """
query Ticks($name: String!) {
  sensorOrError(
    sensorSelector: {repositoryLocationName: "video_assets", repositoryName: "__repository__", sensorName: $name}
  ) {
    ... on Sensor { sensorState { ticks(limit: 1) { status skipReason } } }
  }
}
"""
SET_POOL = 'mutation { setConcurrencyLimit(concurrencyKey: "decode", limit: 99) }'


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
        raise WrongError(f"{' '.join(command)} failed: {_both_ends(done.stderr.strip())}")
    return done.stdout


def _both_ends(text: str, n: int = 800) -> str:
    """The beginning names what is wrong, the end says what became of it; what helm puts between may be long."""
    return text if len(text) <= 2 * n else f"{text[:n]} … {text[-n:]}"


def run_words(*command: str) -> str:
    """Everything that it says, whether it works or not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def printed_by(*command: str) -> str:
    """What it prints, whether it works or not, without what kubectl says itself."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def namespace() -> str:
    """The one that KUBECONFIG points at."""
    return run("kubectl", "config", "view", "--minify", "--output=jsonpath={..namespace}") or "default"


def kubectl(*arguments: str) -> str:
    return run("kubectl", *arguments)


def exec_code(*command: str) -> str:
    return kubectl("exec", f"deployment/{RELEASE}-code", "--", *command)


class Ui(Server):
    """The web UI through a port-forward, which is made anew when its pod is."""

    def __init__(self, service: str = f"{RELEASE}-webserver") -> None:
        self._service = service
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        super().__init__(self._port, self._forward())

    def _forward(self) -> "subprocess.Popen[bytes]":
        command = ["kubectl", "port-forward", f"service/{self._service}", f"{self._port}:3000"]
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

    def launch_job(self, job: str, partitions: list[str]) -> str:
        """Start a backfill of a partitioned job as the UI does."""
        repository = {"repositoryLocationName": "video_assets", "repositoryName": "__repository__"}
        selector = {"partitionSetName": f"{job}_partition_set", "repositorySelector": repository}
        params = {"tags": [], "selector": selector, "partitionNames": partitions, "fromFailure": False}
        return self.query(LAUNCH_BACKFILL, backfillParams=params)["launchPartitionBackfill"]["backfillId"]

    def last_tick(self, sensor: str) -> str:
        """What a sensor said when it last looked; empty when it never did."""
        ticks = self.query(TICKS, name=sensor)["sensorOrError"]["sensorState"]["ticks"]
        return ticks[0]["skipReason"] or ticks[0]["status"] if ticks else ""

    def wait(self, backfill: str, timeout_s: float = 1200) -> str:
        return wait_for(lambda: self._ended(backfill), timeout_s=timeout_s)

    def runs(self, backfill: str) -> list[dict[str, Any]]:
        return self.tagged("dagster/backfill", backfill)

    def messages(self, run_id: str) -> list[tuple[float, str]]:
        """What the run's log says: (seconds, message), in order."""
        events = self.query(MESSAGES, id=run_id)["logsForRun"]["events"]
        return [(float(event["timestamp"]) / 1000, event["message"]) for event in events if event]

    def tagged(self, key: str, value: str) -> list[dict[str, Any]]:
        found = self.query(RUNS, filter={"tags": [{"key": key, "value": value}]})["runsOrError"]["results"]
        return [{**item, "tags": {tag["key"]: tag["value"] for tag in item["tags"]}} for item in found]


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
