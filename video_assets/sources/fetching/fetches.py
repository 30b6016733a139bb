"""Decisions about clips that have to be fetched: one line each in a partition's fetch ledger, and what to fetch again.

Belongs here: what a line means, as functions from tables to tables. Does not belong here: transfer and disk, the raw
ledger of the user's own clips (`sources.own_clips.statuses`), reasons that only one source knows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import pandas as pd

from video_assets.core.json_values import JsonObject
from video_assets.core.schema import KEY, LEDGER, SOURCE, Column, TableSpec

MAX_DETAIL = 300
"""Characters of `detail`; what strangers put into names and error pages must not fill the ledger."""

FETCHES = TableSpec(
    "fetches",
    (
        KEY,
        SOURCE,
        Column("partition", "string", "archive or batch that the clip belongs to"),
        Column("revision", "string", "revision of the source that was asked"),
        Column("member", "string", "path inside the archive, or URL; escaped when it is not UTF-8"),
        Column("status", "string", "ok | skipped (not wanted) | failed"),
        Column("reason", "string", "why not ok; of an ok clip what is known beside that; else empty"),
        Column("detail", "string", f"the reason in words, at most {MAX_DETAIL} characters"),
        Column("is_permanent", "bool", "asking again cannot help"),
        Column("attempts", "int64", "how often it was asked for, in all runs"),
        Column("http_status", "int64", "last HTTP status that was an error", is_nullable=True),
        Column("n_bytes", "int64", "bytes of the file on disk", is_nullable=True),
        Column("crc32", "string", "CRC-32 of the file's bytes, 8 hex digits", is_nullable=True),
        Column("path", "string", "absolute path of the clip on the shared storage; empty when there is none"),
        Column("mtime_ns", "int64", "modification time of the file, ns since 1970", is_nullable=True),
        Column("started_at", "string", "ISO 8601, UTC"),
        Column("finished_at", "string", "ISO 8601, UTC"),
        Column("tool_versions", "string", "what fetched it"),
    ),
)

# Reasons that more than one source gives. `docs/results.md` has them in its table.
REASONS = {
    "network": "the transfer broke off and did not recover; tried again when the partition is materialized again",
    "rate_limited": "the server asked to come back later; tried again when the partition is materialized again",
    "not_found": "the server no longer has it (404 or 410)",
    "forbidden": "the server does not give it to us (401 or 403)",
    "checksum_mismatch": "the bytes that came are not those that the source announced; tried again",
    "not_selected": "not wanted by the settings of the source (row filter, list of names, number of clips)",
    "broken_at_source": "its bytes are those of the source, fetched twice, and do not decode",
    "was_broken_in_transit": "the file on disk did not have the bytes of the source; it was fetched again",
}


@dataclass(frozen=True)
class Fetch:
    """One line of the fetch ledger, see `FETCHES`."""

    clip_key: str
    source: str
    partition: str
    revision: str
    member: str
    status: str
    reason: str = ""
    detail: str = ""
    is_permanent: bool = False
    attempts: int = 1
    http_status: int | None = None
    n_bytes: int | None = None
    crc32: str | None = None
    path: str = ""
    mtime_ns: int | None = None
    started_at: str = ""
    finished_at: str = ""
    tool_versions: str = ""

    def as_record(self) -> JsonObject:
        """JSON-able; `detail` is cut to its length."""
        return asdict(replace(self, detail=shorten_detail(self.detail)))


class OnDisk(NamedTuple):
    """Size (bytes) and modification time (ns) of a file."""

    n_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class FetchPlan:
    """What becomes of the clips that are wanted, each in exactly one list, in the order in which they were asked for.

    `done`: there, as the ledger says. `verify`: a file is there that the ledger does not know with this size and time (a run was
    killed between file and line): hash it, or fetch it. `fetch`: not there. `given_up`: failed for good.
    """

    done: list[str] = field(default_factory=list)
    verify: list[str] = field(default_factory=list)
    fetch: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FetchSummary:
    """A partition in numbers. `waiting` clips are failed ones that are tried again; `by_reason` counts what is not ok."""

    listed: int
    ok: int
    skipped: int
    waiting: int
    failed: int
    n_bytes: int
    by_reason: dict[str, int]


def plan_fetches(wanted: Mapping[str, str], fetches: pd.DataFrame, on_disk: Mapping[str, OnDisk]) -> FetchPlan:
    """What must be fetched, and what need not be fetched again.

    Args:
        wanted: path on disk by clip key, in the order of fetching.
        fetches: FETCHES of the partition so far, one line per clip.
        on_disk: what lies in the clips folder, by path.
    """
    columns = ["clip_key", "status", "is_permanent", "path", "n_bytes", "mtime_ns"]
    known = {key: line for key, *line in fetches[columns].itertuples(index=False, name=None)}
    plan = FetchPlan()
    for key, path in wanted.items():
        _list_of(plan, known.get(key), path, on_disk.get(path)).append(key)
    return plan


def _list_of(plan: FetchPlan, line: list[Any] | None, path: str, there: OnDisk | None) -> list[str]:
    status, is_permanent, known_path, n_bytes, mtime_ns = line or ("", False, "", None, None)
    if status == "failed" and is_permanent:
        return plan.given_up
    if there is None:
        return plan.fetch
    is_as_known = status == "ok" and known_path == path and (n_bytes, mtime_ns) == there
    return plan.done if is_as_known else plan.verify


def merge_fetches(previous: pd.DataFrame, records: Iterable[JsonObject]) -> pd.DataFrame:
    """The ledger with newer lines put in, one line per clip, in the order of the clip key.

    Of several lines about a clip the one that finished last counts.
    """
    newer = FETCHES.frame(records).sort_values("finished_at", kind="stable")
    rows = pd.concat([previous, newer], ignore_index=True).drop_duplicates("clip_key", keep="last")
    return FETCHES.frame(rows.sort_values("clip_key"))


def summarize(fetches: pd.DataFrame) -> FetchSummary:
    """Count lines by status and reason."""
    status = _ledger_status(fetches)
    counts = status.value_counts()
    reasons = fetches.loc[status != "ok", "reason"].value_counts().sort_index()
    return FetchSummary(
        listed=len(fetches),
        **{name: int(counts.get(name, 0)) for name in ("ok", "skipped", "waiting", "failed")},
        n_bytes=int(fetches.loc[status == "ok", "n_bytes"].sum()),
        by_reason={str(reason): int(count) for reason, count in reasons.items()},
    )


def to_ledger(fetches: pd.DataFrame, captions: pd.DataFrame) -> pd.DataFrame:
    """LEDGER of the partition: a clip that failed and is tried again waits; one without a caption has an empty one.

    Args:
        fetches: FETCHES, one line per clip.
        captions: columns clip_key (unique), text and extras (a JSON object).
    """
    words = fetches[["clip_key"]].merge(captions[["clip_key", "text", "extras"]], how="left", on="clip_key", validate="1:1")
    status = _ledger_status(fetches)
    is_ok = status == "ok"
    labels = fetches["reason"].where(fetches["reason"] == "", fetches["reason"] + ": ") + fetches["detail"]
    rows = fetches[["clip_key", "source", "path"]].assign(
        text=words["text"].fillna("").to_numpy(),
        status=status,
        reason=fetches["reason"].mask(is_ok, ""),
        detail=fetches["detail"].mask(is_ok, labels),
        file_size=fetches["n_bytes"].where(is_ok),
        mtime_ns=fetches["mtime_ns"].where(is_ok),
        origin=fetches["partition"] + ": " + fetches["member"],
        extras=words["extras"].fillna("{}").to_numpy(),
    )
    return LEDGER.frame(rows.sort_values("clip_key"))


def _ledger_status(fetches: pd.DataFrame) -> pd.Series:
    is_waiting = (fetches["status"] == "failed") & ~fetches["is_permanent"]
    return fetches["status"].mask(is_waiting, "waiting")


def shorten_detail(text: str) -> str:
    """At most `MAX_DETAIL` characters.

    >>> len(shorten_detail("x" * 400)), shorten_detail("short")
    (300, 'short')
    """
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"
