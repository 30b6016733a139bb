"""A data set on the Hugging Face hub: its newest commit, and its files at one commit.

Belongs here: asking the hub what there is. Does not belong here: bytes of files (`sources.hub.stream`), which files are archives
(`sources.openvid.rules.archive_names`).

The token is never held here: the client takes it from HF_TOKEN, or from the file that HF_TOKEN_PATH names, for each request.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Any, NotRequired, TypedDict, TypeVar
from urllib.parse import quote

from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from video_assets.core.errors import UsageError
from video_assets.core.fetch_errors import FetchError, RateLimitedError, WebPageError
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.hub.translation import translated

_log = logging.getLogger(__name__)
logging.getLogger("httpx2").setLevel(logging.WARNING)  # at INFO it logs every URL, signatures included

T = TypeVar("T")

_LONG_WAIT_S = 10.0  # a run that stands still for longer says why


class _LargeFile(TypedDict):
    oid: str
    size: int


class _Entry(TypedDict):
    """A file or folder in the hub's listing, as far as it is read here."""

    path: str
    type: str
    size: int
    oid: str
    lfs: NotRequired[_LargeFile | None]
    xetHash: NotRequired[str | None]


@dataclass(frozen=True)
class Patience:
    """How long to go on trying: attempts in a row without progress, seconds before the second one (doubled each time)."""

    attempts: int = 6
    first_wait_s: float = 1.0
    max_wait_s: float = 30.0
    max_asked_wait_s: float = 330.0  # the hub's limits count windows of five minutes

    def wait(self, failures: int, error: FetchError, *, sleep: Callable[[float], object] = time.sleep) -> None:
        """Wait after this many failures in a row, the last of which was `error`; raise it when it is time to give up."""
        wait_s = self._wait_s(failures, error)
        if wait_s is None:
            raise error
        _log.log(logging.WARNING if wait_s >= _LONG_WAIT_S else logging.INFO, "%s; trying again in %.0f s", error, wait_s)
        sleep(wait_s)

    def _wait_s(self, failures: int, error: FetchError) -> float | None:
        if error.needs_person or failures >= self.attempts:
            return None
        asked = error.wait_s if isinstance(error, RateLimitedError) else None
        if asked is not None:
            return asked if asked <= self.max_asked_wait_s else None
        return min(self.max_wait_s, self.first_wait_s * 2 ** (failures - 1))


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _timeout_s() -> float:
    return float(os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT") or 60.0)  # the client's own default, 10 s, is short for busy storage


@dataclass(frozen=True)
class HubRepo:
    """A data set on a hub. `revision` is a branch, a tag or a commit; `timeout_s` the longest silence of the server."""

    repo_id: str
    revision: str = "main"
    endpoint: str = field(default_factory=_endpoint)
    timeout_s: float = field(default_factory=_timeout_s)
    patience: Patience = Patience()

    def at(self, commit: str) -> "HubRepo":
        """The same data set at one commit."""
        return replace(self, revision=commit)

    def __post_init__(self) -> None:
        if not self.endpoint.startswith(("http://", "https://")):
            raise UsageError(f"HF_ENDPOINT is {self.endpoint!r}; it must begin with https:// (or http://)")

    def __str__(self) -> str:
        return f"{self.repo_id} at {self.revision[:12]}"

    def head_commit(self) -> str:
        """The commit (40 hex digits) that `revision` is now: one small request, never an answer from a cache.

        Raises:
            FetchError: see its subclasses.
        """
        url = f"{self.endpoint}/api/datasets/{self.repo_id}/revision/{quote(self.revision, safe='')}?expand=sha"
        info, _ = self._patiently("the newest commit", partial(self._ask, url))
        return info["sha"]

    def list_files(self, commit: str) -> dict[str, HubFile]:
        """Every file at `commit`, by path.

        Raises:
            FetchError: see its subclasses.
        """
        url: str | None = f"{self.endpoint}/api/datasets/{self.repo_id}/tree/{commit}?recursive=true"
        files: dict[str, HubFile] = {}
        while url is not None:
            entries, url = self._patiently("the list of files", partial(self._ask, url))
            files |= {entry["path"]: _file(entry) for entry in entries if entry["type"] == "file"}
        return files

    def _ask(self, url: str) -> tuple[Any, str | None]:
        """JSON and the next page's URL. Not by `HfApi`, whose listing waits without end when the server falls silent."""
        response = get_session().get(url, headers=hub_headers(), timeout=self.timeout_s)
        hf_raise_for_status(response)
        if "json" not in response.headers.get("Content-Type", ""):
            raise WebPageError(f"{self}: {self.endpoint} answers with a web page. Sign in to the network, or correct HF_ENDPOINT")
        return response.json(), response.links.get("next", {}).get("url")

    def _patiently(self, what: str, ask: Callable[[], T]) -> T:
        failures = 0
        while True:
            try:
                with translated(f"{what} of {self}", endpoint=self.endpoint):
                    return ask()
            except FetchError as error:
                failures += 1
                self.patience.wait(failures, error)


def hub_headers() -> dict[str, str]:
    """Headers for the hub itself, with the user's token if there is one; not for other hosts."""
    return build_hf_headers(library_name="video_assets", library_version=version("video_assets"))


def _file(entry: _Entry) -> HubFile:
    lfs = entry.get("lfs")
    return HubFile(
        path=entry["path"],
        size=lfs["size"] if lfs else entry["size"],
        sha256=lfs["oid"] if lfs else None,
        git_oid=entry["oid"],
        xet_hash=entry.get("xetHash"),
    )
