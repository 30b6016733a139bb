"""A real web server and daemon on a data root, started the way users do, and the GraphQL that the web UI sends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

PATIENTLY_S = 3.0  # every question about partitions or runs costs the web server 10 to 25 ms of CPU
LAUNCH_BACKFILL = """
mutation LaunchPartitionBackfill($backfillParams: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfillParams) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) { __typename ... on PartitionBackfill { status } ... on PythonError { message } }
}
"""
PARTITIONS = """
query Partitions($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      assetPartitionStatuses {
        ... on DefaultPartitionStatuses { materializedPartitions failedPartitions unmaterializedPartitions }
      }
    }
  }
}
"""
CANCEL_BACKFILL = """
mutation Cancel($id: String!) {
  cancelPartitionBackfill(backfillId: $id) { __typename ... on PythonError { message } }
}
"""
LAUNCH_JOB = """
mutation Launch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
TERMINATE = "mutation($id: String!) { terminateRun(runId: $id) { __typename ... on PythonError { message } } }"
BACKFILLS = """
query Backfills($status: BulkActionStatus!) {
  partitionBackfillsOrError(status: $status) { ... on PartitionBackfills { results { id } } }
}
"""
RUNS = "query Runs($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { count } } }"
RUN = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def job_params(job: str, *, tags: dict[str, str] | None = None) -> dict[str, Any]:
    """What `LAUNCH_JOB` takes."""
    selector = {"repositoryLocationName": "video_assets", "repositoryName": "__repository__", "pipelineName": job}
    metadata = {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]}
    return {"selector": selector, "runConfigData": {}, "executionMetadata": metadata}


class Server:
    """A running web UI with its daemon."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = process

    def program(self, name: str) -> psutil.Process:
        """The code server, the web server or the daemon: forks have the command line of their parent, and a name."""
        (found,) = (process for process in psutil.Process(self.process.pid).children() if process.name() == name)
        return found

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """Send GraphQL; a GraphQL error is an exception."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            result = json.load(answer)
        if result.get("errors"):
            raise RuntimeError(result["errors"])
        return result["data"]

    def status_of(self, text: str) -> tuple[int, str]:
        """The HTTP status and the body of an answer."""
        body = json.dumps({"query": text}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def launch(self, assets: list[str], partitions: list[str]) -> str:
        """Launch a backfill as the UI does; returns its id."""
        params = {
            "tags": [{"key": "dagster/from_ui", "value": "true"}],
            "assetSelection": [{"path": [asset]} for asset in assets],
            "partitionNames": partitions,
            "fromFailure": False,
        }
        return self.query(LAUNCH_BACKFILL, backfillParams=params)["launchPartitionBackfill"]["backfillId"]

    def backfill(self, assets: list[str], partitions: list[str], *, timeout_s: float = 900) -> str:
        """Launch a backfill as the UI does and wait for its end; returns its status."""
        return self.wait_for_backfill(self.launch(assets, partitions), timeout_s=timeout_s)

    def cancel(self, backfill_id: str) -> None:
        """Cancel a backfill as the UI does, which ends its runs."""
        answer = self.query(CANCEL_BACKFILL, id=backfill_id)["cancelPartitionBackfill"]
        assert answer["__typename"] == "CancelBackfillSuccess", answer

    def wait_for_backfill(self, backfill_id: str, *, timeout_s: float = 900) -> str:
        """Wait for the end of a backfill; returns its status."""
        return wait_for(lambda: self._ended(backfill_id), timeout_s=timeout_s, every_s=PATIENTLY_S)

    def _ended(self, backfill_id: str) -> str | None:
        status = self.query(BACKFILL, id=backfill_id)["partitionBackfillOrError"]["status"]
        return status if status.startswith("COMPLETED") or status in {"FAILED", "CANCELED"} else None

    def run_job(self, job: str, *, timeout_s: float = 900) -> str:
        """Launch a job and wait for the end of its run; returns its status."""
        run_id = self.start_job(job)
        return wait_for(lambda: self.run_ended(run_id), timeout_s=timeout_s, every_s=PATIENTLY_S)

    def start_job(self, job: str, *, tags: dict[str, str] | None = None) -> str:
        """Launch a job; returns the id of its run."""
        launched = self.query(LAUNCH_JOB, params=job_params(job, tags=tags))["launchPipelineExecution"]
        return launched["run"]["runId"]

    def run_ended(self, run_id: str) -> str | None:
        status = self.query(RUN, id=run_id)["runOrError"]["status"]
        return status if status in {"SUCCESS", "FAILURE", "CANCELED"} else None

    def terminate(self, run_id: str) -> None:
        """Terminate a run as the UI does."""
        answer = self.query(TERMINATE, id=run_id)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def n_runs(self, *statuses: str) -> int:
        """How many runs are in one of these states."""
        return self.query(RUNS, filter={"statuses": list(statuses)})["runsOrError"]["count"]

    def n_backfills(self, status: str) -> int:
        """How many backfills are in this state (REQUESTED: going on)."""
        return len(self.query(BACKFILLS, status=status)["partitionBackfillsOrError"]["results"])

    def partitions(self, asset: str) -> dict[str, list[str]]:
        """Partition keys by state: materialized, failed, unmaterialized."""
        node = self.query(PARTITIONS, key={"path": [asset]})["assetNodeOrError"]
        return {name.removesuffix("Partitions"): keys for name, keys in node["assetPartitionStatuses"].items()}


@contextmanager
def server(data_root: Path, *arguments: str) -> Iterator[Server]:
    """`video-assets ui` on a free port; stopped with SIGINT at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (data_root / "ui.log").open("ab")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a benchmark that a shell has started in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # children inherit what is ignored; the server must hear it
    process = subprocess.Popen(
        [sys.executable, "-m", "video_assets.cli.app", "ui", "--data-root", str(data_root), "--port", str(port), *arguments],
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        running = Server(port, process)
        wait_for(lambda: _is_up(running), timeout_s=900)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            log.close()


def _is_up(running: Server) -> bool:
    if running.process.poll() is not None:
        raise RuntimeError(f"the server ended with {running.process.returncode}")
    try:
        found = running.query("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
        return bool(found["repositoriesOrError"]["nodes"])
    except OSError:
        return False


def wait_for(ask, *, timeout_s: float, every_s: float = 1.0) -> Any:
    """Ask until the answer is true, or fail."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(every_s)
    raise TimeoutError(f"not within {timeout_s} s")
