"""The code server that web server and daemon share: `python -m video_assets.local.code_server SOCKET`.

It is Dagster's `code-server start`: it passes on what it is asked to a process that has loaded the definitions, and replaces
that process when told to. Here it also does so by itself, for a reason. Web server and daemon notice within seconds.
Belongs here: when the definitions are loaded again, where a run can be cancelled. Does not belong here: how runs are started
(`definitions_server`), starting and stopping this (`server`).
"""

import json
import os
import sys
import threading
import time
from typing import Any
from uuid import uuid4

from dagster import DagsterInstance
from dagster._cli.code_server import start_command
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_representation.grpc_server_registry import ServerRegistryEntry
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc import client, proxy_server, server
from dagster._grpc.__generated__.dagster_api_pb2 import GetServerIdReply, ReloadCodeReply
from dagster._grpc.types import ExecuteExternalJobArgs
from dagster._serdes import deserialize_value, serialize_value
from dagster._utils.error import SerializableErrorInfo

from video_assets.interpreter import settle
from video_assets.local.definitions_server import entry_point
from video_assets.local.settings_file import stamp
from video_assets.settings.model import settings_file

_LOOK_EVERY_S = 1.0
# A process that hangs, or has become large, is replaced by then; so is one of a program that was upgraded meanwhile.
_AT_THE_LATEST_S = 300.0
_AFTER_AN_ERROR_S = 60.0
_HEARTBEAT_EVERY_S = 10  # the process ends after 30 seconds without one; Dagster's own beats every second
# Dagster's own has four more than there are CPUs: some sensors that wait for storage would keep the web UI waiting.
_MAX_THREADS = "40"


class CodeServer(proxy_server.DagsterProxyApiServicer):
    """Dagster's, which also loads the definitions again when settings changed, their process ended, or minutes have passed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._note_load()
        super().__init__(*arguments, **options)
        # Runs go on when the UI ends, and their process with them.
        self._grpc_server_registry._wait_for_processes_on_shutdown = False  # noqa: SLF001
        threading.Thread(target=self._watch, name="code-server-watch", daemon=True).start()

    def ReloadCode(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Replace the process that has loaded the definitions; the one before ends with its last run."""
        self._note_load()
        if self._has_ended():
            self._client = None  # not to be told to stop
        heartbeats = self._client_heartbeat_shutdown_event
        try:
            return super().ReloadCode(request, context)
        except DagsterUserCodeUnreachableError:
            self._logger.warning("the process that had loaded the definitions before does not hear that it is to end")
            if heartbeats is not None:
                heartbeats.set()  # without them it ends by itself
            return ReloadCodeReply()

    def GetServerId(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Another one after each reload. Web server and daemon ask every second, so nobody else is asked."""
        return GetServerIdReply(server_id=self._server_id)

    def StartRun(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Start a run, and note which process did: another one, or another UI, can cancel it there."""
        start = deserialize_value(request.serialized_execute_run_args, ExecuteExternalJobArgs)
        with self._reload_lock:
            if self._client is not None and start.instance_ref is not None:
                address = {"host": self._client.host, "socket": self._client.socket}
                with DagsterInstance.from_ref(start.instance_ref) as instance:
                    instance.add_run_tags(start.run_id, {GRPC_INFO_TAG: json.dumps(address)})
            return super().StartRun(request, context)

    def _reload_location(self) -> None:
        super()._reload_location()
        self._server_id = uuid4().hex

    def _watch(self) -> None:
        while not self._server_termination_event.wait(_LOOK_EVERY_S):
            if self._is_due():
                self.ReloadCode(None, None)

    def _note_load(self) -> None:
        self._settings = stamp(settings_file())
        self._loaded_at = self._asked_at = time.monotonic()

    def _is_due(self) -> bool:
        now = time.monotonic()
        if stamp(settings_file()) != self._settings or now - self._loaded_at > _AT_THE_LATEST_S or self._has_ended():
            return True
        if now - self._asked_at < _AFTER_AN_ERROR_S:
            return False
        self._asked_at = now
        return self._has_error()

    def _has_ended(self) -> bool:
        entry = self._grpc_server_registry.get_grpc_server_entry(self._origin)
        return isinstance(entry, ServerRegistryEntry) and entry.process.server_process.poll() is not None

    def _has_error(self) -> bool:
        try:
            return self._client is None or isinstance(deserialize_value(self._client.list_repositories()), SerializableErrorInfo)
        except DagsterUserCodeUnreachableError:
            return True


def main() -> None:
    """Serve until told to stop."""
    settle()
    proxy_server.DagsterProxyApiServicer = CodeServer  # what Dagster's command makes
    server.get_python_environment_entry_point = entry_point
    client.CLIENT_HEARTBEAT_INTERVAL = _HEARTBEAT_EVERY_S  # type: ignore[assignment]
    for variable in ("DAGSTER_CODE_SERVER_MAX_WORKERS", "DAGSTER_GRPC_MAX_WORKERS"):
        os.environ.setdefault(variable, _MAX_THREADS)
    with DagsterInstance.get() as instance:
        place = [
            "--instance-ref",
            serialize_value(instance.get_ref()),
            "--inject-env-vars-from-instance",
            "--socket",
            sys.argv[1],
        ]
    definitions = ["--module-name", "video_assets.definitions", "--location-name", "video_assets"]
    start_command([*place, *definitions, "--log-level", "warning"], prog_name="code server")


if __name__ == "__main__":
    main()
