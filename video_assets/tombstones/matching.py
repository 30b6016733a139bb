"""Tombstones: which clips are those that were taken down. Tombstones outlive the clips, which never come back.

Belongs here: matching. Does not belong here: what a request's line names (`tombstones.requests`), where tombstones are kept
(`tombstones.table`), what is removed (`takedown.take_down`).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from video_assets.core.addresses import is_address, normal_url, youtube_id
from video_assets.core.schema import DROPPED, Column, TableSpec

REASONS = {"taken_down": "somebody had it taken down; it stays out, also when it is listed or fetched again (takedown/)"}
"""The reason by which a clip that matches a tombstone is dropped, wherever it turns up."""

TOMBSTONES = TableSpec(
    "tombstones",
    (
        Column("kind", "string", "clip_key | path | url | member | file_name | source_id | content_hash"),
        Column("value", "string", "what is matched, normalized"),
        Column("request", "string", "the take-down that asked for it; names its report"),
        Column("cause", "string", "the request's own line, or what it led to"),
    ),
)

_IN_EXTRAS = {
    "url": re.compile(r'"(?:video_url|url|source_url|webpage_url)": ?"([^"]+)"'),
    "source_id": re.compile(r'"(?:video_id|source_id|youtube_id)": ?"([^"]+)"'),
}
_BOUNDARY = frozenset("_-.")


def name_starts(name: str) -> list[str]:
    """Where the id of a source video stands in the file names of the known sources: at the start, or after a first `word_`."""
    _, mark, rest = name.partition("_")
    return [name, rest] if mark else [name]


def are_among(texts: pd.Series, known: Collection[str]) -> pd.Series:
    """Which of `texts` are known. A piece of a table is asked about many times: what is known is not hashed anew for each."""
    if len(known) > len(texts):
        return pd.Series([text in known for text in texts.to_numpy(dtype=object)], index=texts.index, dtype=bool)
    return texts.isin(list(known)).fillna(value=False).astype(bool)


class Tombstones:
    """Everything that was taken down. Empty is the usual case and costs nothing."""

    def __init__(self, rows: Iterable[tuple[str, str, str]] = ()) -> None:
        """Take (kind, value, cause) triples."""
        self._causes: dict[str, dict[str, str]] = {}
        for kind, value, cause in rows:
            self._causes.setdefault(kind, {}).setdefault(value, cause)
            # File names carry the id of a video, not its address.
            if kind == "url" and (video := youtube_id(f"https://{value}")):
                self._causes.setdefault("source_id", {}).setdefault(video, cause)

    def __len__(self) -> int:
        """Names, addresses, ids and hashes that are known."""
        return sum(len(values) for values in self._causes.values())

    def is_taken_down(
        self,
        *,
        clip_key: str = "",
        path: str = "",
        url: str = "",
        member: str = "",
        source_id: str = "",
        content_hash: str = "",
    ) -> bool:
        """Ask before something is fetched or kept: true when any of what is known about it has a tombstone."""
        facts = {"url": url, "source_id": source_id, "content_hash": content_hash, "path": path}
        return bool(len(self) and self.cause(clip_key=clip_key, member=member, **facts))

    def cause(
        self,
        *,
        clip_key: str = "",
        path: str = "",
        url: str = "",
        member: str = "",
        source_id: str = "",
        content_hash: str = "",
    ) -> str:
        """The request's line by which this is taken down; empty when it is not."""
        asked = [("clip_key", clip_key), ("path", path), ("content_hash", content_hash), ("source_id", source_id)]
        if url:
            asked += [("url", normal_url(url)), ("source_id", youtube_id(url))]
        for name in (clip_key, path, member):
            asked += self._of_name(name)
        return next((cause for kind, value in asked if value and (cause := self._causes.get(kind, {}).get(value, ""))), "")

    def _of_name(self, name: str) -> list[tuple[str, str]]:
        """All that a relative or absolute file name can be called."""
        if not name:
            return []
        parts = name.split("/")
        asked = [("file_name", parts[-1])]
        asked += [("member", "/".join(parts[start:])) for start in range(max(0, len(parts) - 8), len(parts) - 1)]
        starts = name_starts(parts[-1])
        return asked + [
            ("source_id", s[:n]) for s in starts for n in self._id_lengths if n == len(s) or s[n : n + 1] in _BOUNDARY
        ]

    @property
    def _has_names(self) -> bool:
        return not self._causes.keys().isdisjoint({"file_name", "member", "source_id"})

    @cached_property
    def _id_lengths(self) -> list[int]:
        return sorted({len(value) for value in self._causes.get("source_id", {})})

    @cached_property
    def _last_names(self) -> set[str]:
        return {value.rpartition("/")[2] for kind in ("file_name", "member") for value in self._causes.get(kind, {})}

    def causes(self, clips: pd.DataFrame) -> pd.Series:
        """For every row the request's line by which it is taken down; empty where it is not.

        `clips` has clip_key or path, and any of url, member, source_id, content_hash, origin, extras.
        """
        found = np.full(len(clips), "", dtype=object)
        if len(self) and not clips.empty:
            places = np.flatnonzero(self._is_suspect(clips).to_numpy(dtype=bool))
            found[places] = [self._cause_of_row(row) for row in clips.iloc[places].to_dict("records")]
        return pd.Series(found, index=clips.index, dtype="str")

    def _cause_of_row(self, row: Mapping[Any, Any]) -> str:
        facts = {name: text for name in _FACTS if isinstance(text := row.get(name), str)}
        extras, origin = row.get("extras"), row.get("origin")
        cause = self.cause(**facts)
        if not cause and isinstance(extras, str):
            named = {kind: match[1] for kind, pattern in _IN_EXTRAS.items() if (match := pattern.search(extras))}
            cause = self.cause(**named)
        if not cause and isinstance(origin, str):
            cause = self.cause(url=origin) if is_address(origin) else self.cause(member=origin)
        return cause

    def _is_suspect(self, clips: pd.DataFrame) -> pd.Series:
        """Rows that may match: cheap column tests, so that only few rows are looked at one by one."""
        is_suspect = pd.Series(data=False, index=clips.index)
        for column in ("clip_key", "path", "member", "origin"):
            if column in clips and self._has_names:
                is_suspect |= self._has_suspect_name(clips[column].astype("str").fillna(""))
        for column in ("source_id", "content_hash", "clip_key", "path"):
            if column in clips:
                is_suspect |= are_among(clips[column], self._causes.get(column, {}))
        for column in ("url", "origin"):
            if column in clips:
                is_suspect |= self._has_suspect_address(clips[column])
        if "extras" in clips:
            is_suspect |= self._has_suspect_address(clips["extras"].str.extract(_IN_EXTRAS["url"], expand=False))
            ids = clips["extras"].str.extract(_IN_EXTRAS["source_id"], expand=False)
            is_suspect |= are_among(ids, self._causes.get("source_id", {}))
        return is_suspect

    def _has_suspect_name(self, names: pd.Series) -> pd.Series:
        base = names.str.rpartition("/")[2]
        is_suspect = are_among(base, self._last_names)
        for length in self._id_lengths:
            for start in (base, base.str.partition("_")[2]):
                is_suspect |= are_among(start.str.slice(0, length), self._causes["source_id"])
        return is_suspect

    def _has_suspect_address(self, texts: pd.Series) -> pd.Series:
        """Many clips come from one address, so each address is looked at once."""
        if self._causes.keys().isdisjoint({"url", "source_id"}):
            return pd.Series(data=False, index=texts.index)
        return are_among(texts, {text for text in texts.dropna().unique() if is_address(text) and self.cause(url=text)})


_FACTS = ("clip_key", "path", "url", "member", "source_id", "content_hash")


def drop_taken_down(clips: pd.DataFrame, tombstones: Tombstones, *, stage: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that no tombstone names, and DROPPED rows for the others.

    Args:
        clips: with clip_key, source and path, and whatever else tombstones can name.
        tombstones: what was taken down.
        stage: the asset that drops.
    """
    is_out = (tombstones.causes(clips) != "").to_numpy(dtype=bool)
    if not is_out.any():
        return clips, DROPPED.frame()
    dropped = clips.loc[is_out, ["clip_key", "source", "path"]].assign(
        stage=stage, reason="taken_down", detail="taken down; see takedown/ in the data root"
    )
    return clips[~is_out].reset_index(drop=True), DROPPED.frame(dropped)


def bury(ledger: pd.DataFrame, tombstones: Tombstones) -> pd.DataFrame:
    """A ledger in which the clips that were taken down are failed, without caption and extras; sources write no other."""
    is_out = (tombstones.causes(ledger) != "").to_numpy(dtype=bool)
    if not is_out.any():
        return ledger
    words = {"text": "", "extras": "{}", "status": "failed", "reason": "taken_down", "detail": REASONS["taken_down"]}
    return ledger.assign(**{name: ledger[name].mask(is_out, value) for name, value in words.items() if name in ledger})
