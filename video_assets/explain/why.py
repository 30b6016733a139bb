"""What happened to a clip: every table that knows it is asked, from its source to the training table.

Works on data roots that are half done: tables that are not there yet are said to be so.
Belongs here: finding clips and their rows. Does not belong here: how an answer is printed (`cli.terminal`), what a reason means
(`explain.reasons`).
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from video_assets.core.check_limits import verdicts_within
from video_assets.core.json_values import JsonObject
from video_assets.core.matching import merge_verdicts
from video_assets.core.older_rules import standing_verdicts
from video_assets.core.schema import CHECKED, CLIPS, DROPPED, LEDGER, VERDICTS, TableSpec
from video_assets.core.sharding import shard_of
from video_assets.core.units import size
from video_assets.explain.reasons import MEANINGS
from video_assets.publish.exclusions import read_exclusions
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import ledgers
from video_assets.storage.durable import hash_file
from video_assets.storage.layout import Layout
from video_assets.storage.parts import read_parts
from video_assets.storage.row_groups import groups, opened, rows_with
from video_assets.storage.stages import StageError, dropped_path, stage_note

Fate = Literal["kept", "dropped", "waiting", "pending"]
_FATES: Mapping[str, Fate] = {"ok": "kept", "waiting": "waiting"}
_NOT_YET = "not materialized yet"
_OLDER = "made before the clip was listed as it is now: materialize it again"
_MAX_CLIPS = 20
# Rows whose path is another clip's, or is escaped and may be spelled like another's.
_PATH_OF_ANOTHER = frozenset({"duplicate_path", "unsupported_name"})


@dataclass(frozen=True)
class Step:
    """What one stage says about a clip, and the table that says so."""

    stage: str
    fate: Fate
    reason: str = ""
    detail: str = ""
    file: str = ""


@dataclass(frozen=True)
class Explanation:
    """A clip's way through the stages, as far as it came."""

    clip_key: str
    source: str
    path: str
    shard: str
    steps: tuple[Step, ...]

    @property
    def decisive(self) -> Step:
        """The step that settles the clip's status: where it was dropped or waits, else the last."""
        return next((step for step in self.steps if step.fate != "kept"), self.steps[-1])

    @property
    def status(self) -> Fate:
        """`kept`: it is in the training CSV. `pending`: some stage has not seen it yet."""
        return self.decisive.fate

    @property
    def meaning(self) -> str:
        """The reason in a sentence; empty when there is none."""
        return MEANINGS.get(self.decisive.reason, "")

    def as_record(self) -> JsonObject:
        """JSON-able."""
        step = self.decisive
        told = {"stage": step.stage, "reason": step.reason, "meaning": self.meaning, "detail": step.detail, "file": step.file}
        clip = {"clip_key": self.clip_key, "source": self.source, "path": self.path, "status": self.status, "shard": self.shard}
        return {**clip, **told, "steps": [asdict(step) for step in self.steps]}


def explain(layout: Layout, settings: Settings, text: str, *, max_clips: int = _MAX_CLIPS) -> list[Explanation]:
    """Everything that the tables say about the clips that `text` names, at most `max_clips`; empty when it names none.

    Args:
        layout: the data root.
        settings: the number of shards and the name of the product.
        text: a clip key, a path, a file name, or a part of a clip key; the first of these that fits anything counts.
        max_clips: answers when a part fits many clips.

    Raises:
        StageError: a table is unreadable.
    """
    clips = find_clips(layout, settings, text).head(max_clips)
    return [explain_clip(layout, settings, key, source, path) for key, source, path in clips.itertuples(index=False, name=None)]


def explain_clip(layout: Layout, settings: Settings, clip_key: str, source: str, path: str) -> Explanation:
    """Everything that the tables say about one clip, whose key, source and path are known.

    Raises:
        StageError: a table is unreadable.
        ExclusionError: exclude.csv is.
    """
    return Explanation(
        clip_key=clip_key,
        source=source,
        path=path,
        shard=shard_of(clip_key, n_shards=settings.decode.n_shards),
        steps=tuple(_Clip(layout, settings, clip_key, path).steps(source)),
    )


def find_clips(layout: Layout, settings: Settings, text: str) -> pd.DataFrame:
    """Columns clip_key, source and path of all clips that `text` names, in the order of the key (see `explain`).

    Raises:
        StageError: a table is unreadable.
    """
    columns = ["clip_key", "source", "path"]
    listed, off = ledgers(layout, settings.sources), ledgers(layout, settings.sources_off)
    others = [] if _is_made_from(layout.enriched_metadata, listed) else [layout.enriched_metadata]
    tables = [*listed.values(), *others, layout.dropped, *off.values()]
    path = os.path.abspath(text)  # noqa: PTH100 - resolve() would follow symbolic links
    named = {"clip_key": [text], "path": [text, path]}
    found = _union(_rows_with(table, name, values, columns) for table in tables for name, values in named.items())
    if found.empty:
        every = _union(_rows_like(table, text, columns) for table in tables)
        is_named = every["clip_key"].str.endswith(f"/{text}") | every["path"].str.endswith(f"/{text}")
        found = every[is_named if bool(is_named.any()) else every["clip_key"].str.contains(text, regex=False)]
    return found.sort_values("clip_key", ignore_index=True)


def _is_made_from(path: Path, listed: Mapping[str, Path]) -> bool:
    """True when the stage at `path` was made from just these ledgers, so that it has no clip that they have not."""
    try:
        return stage_note(path).inputs == {name: hash_file(ledger) for name, ledger in listed.items()}
    except (StageError, FileNotFoundError):
        return False


class _Clip:
    """One clip's rows in all tables."""

    def __init__(self, layout: Layout, settings: Settings, clip_key: str, path: str) -> None:
        self._layout, self._settings, self._key, self._path = layout, settings, clip_key, path
        self._shard = shard_of(clip_key, n_shards=settings.decode.n_shards)
        self._rows: dict[Path, pd.Series | None] = {}

    def steps(self, source: str) -> Iterator[Step]:
        """Stage by stage, up to the first that did not keep it; then whether an older product still has it."""
        layout = self._layout
        way = (
            lambda: self._listed(source),
            lambda: self._stage("enriched_metadata", layout.enriched_metadata),
            lambda: self._stage("size_filtered", layout.size_filtered),
            lambda: self._stage("shard_lists", layout.shard_list(self._shard)),
            self._checked,
            self._trained,
        )
        for ask in way:
            step = ask()
            yield step
            if step.fate != "kept":
                yield from self._still_published(step)
                return

    def _still_published(self, step: Step) -> Iterator[Step]:
        """The training table names rows by path: its row is this clip's when that is the clip's own, and it did not drop it."""
        table = self._layout.training_table(self._settings.product_name)
        is_own = step.reason not in _PATH_OF_ANOTHER and self._row(self._layout.dropped, DROPPED) is None
        if is_own and self._is_published(table):
            detail = "the training CSV is older than that and still has the clip"
            yield Step("training_csv", "kept", detail=detail, file=str(table))

    def _listed(self, source: str) -> Step:
        settings = self._settings
        its = [each for each in (*settings.sources, *settings.sources_off) if each.name == source]
        for path in ledgers(self._layout, its).values():
            if (row := self._row(path, LEDGER)) is not None:
                if row["reason"] == "taken_down":
                    return self._taken_down(row, path)
                told = row["detail"] or row["origin"]
                if its[0] in settings.sources_off:
                    was = ", ".join(filter(None, (row["status"], row["reason"])))
                    return Step(source, "dropped", "source_off", f"when it was last listed: {was}; {told}", str(path))
                return Step(source, _FATES.get(row["status"], "dropped"), row["reason"], told, str(path))
        return Step(source, "dropped", "gone", "no longer listed")

    def _taken_down(self, listed: pd.Series, ledger: Path) -> Step:
        """The ledger only keeps the key: the stage that asked the tombstones, or the redacted version, counts the clip."""
        for path in (dropped_path(self._layout.enriched_metadata), self._layout.dropped):
            if (row := self._row(path, DROPPED)) is not None and row["reason"] == "taken_down":
                return Step(row["stage"], "dropped", row["reason"], row["detail"], str(path))
        return Step("enriched_metadata", "dropped", listed["reason"], listed["detail"], str(ledger))

    def _stage(self, stage: str, path: Path, spec: TableSpec = CLIPS) -> Step:
        """Kept, dropped with reason, or not seen by this stage."""
        if not path.exists():
            return Step(stage, "pending", detail=_NOT_YET, file=str(path))
        if (row := self._row(dropped_path(path), DROPPED)) is not None:
            return Step(row["stage"], "dropped", row["reason"], row["detail"], str(dropped_path(path)))
        row = self._row(path, spec)
        if row is None:
            return Step(stage, "pending", detail=_OLDER, file=str(path))
        # The stages between measuring and decoding have nothing new to say.
        is_measured = stage in {"enriched_metadata", "decode_check"}
        return Step(stage, "kept", detail=_measured(row) if is_measured else "", file=str(path))

    def _checked(self) -> Step:
        path = self._layout.checked(self._shard)
        listed, checked = self._row(self._layout.shard_list(self._shard), CLIPS), self._row(path, CHECKED)
        step = self._stage("decode_check", path, CHECKED)
        if listed is not None and checked is not None and listed["mtime_ns"] != checked["mtime_ns"]:
            step = Step("decode_check", "pending", detail="the file changed since it was checked", file=str(path))
        if step.fate == "pending" and listed is not None:
            return self._running(step)
        if checked is None or step.fate != "kept":
            return step
        tolerated = f" (tolerated): {checked['errors']}" if checked["reason"] else ""
        return Step("decode_check", "kept", checked["reason"], f"{step.detail}{tolerated}", str(path))

    def _running(self, step: Step) -> Step:
        """A verdict that was given already, although its shard is not finished."""
        layout, shard = self._layout, self._shard
        records, _ = read_parts(layout.verdict_parts(shard))
        listed = _rows_with(layout.shard_list(shard), "clip_key", [self._key], CLIPS.names)
        row = self._row(layout.verdicts(shard), VERDICTS)
        given = [*([] if row is None else [row.to_dict()]), *(record for record in records if record["clip_key"] == self._key)]
        decode = self._settings.decode
        standing = verdicts_within(standing_verdicts(VERDICTS.frame(given), needed=decode.demands.columns), decode.limits)
        verdicts = merge_verdicts(CLIPS.frame(listed), standing).checked
        if verdicts.empty:
            return step
        verdict = verdicts.iloc[0]
        detail = f"{step.detail}; decoded already, verdict {verdict['verdict']}: {verdict['errors'] or _measured(verdict)}"
        return Step("decode_check", "pending", verdict["reason"], detail, str(layout.verdicts_folder))

    def _trained(self) -> Step:
        table, dropped = self._layout.training_table(self._settings.product_name), self._layout.dropped
        if (row := self._row(dropped, DROPPED)) is not None and row["stage"] in {"selected", "training_csv"}:
            return Step(row["stage"], "dropped", row["reason"], row["detail"] + self._left_out(row["reason"]), str(dropped))
        if self._is_published(table):
            return Step("training_csv", "kept", detail=self._left_out(""), file=str(table))
        return Step("training_csv", "pending", detail=_OLDER if table.exists() else _NOT_YET, file=str(table))

    def _left_out(self, reason: str) -> str:
        """What the next publication changes, when exclude.csv was changed after the last one."""
        exclusion = read_exclusions(self._layout).get(self._key)
        if reason == "excluded" and exclusion is None:
            return "; not in exclude.csv any more: the next run brings it back"
        if not reason and exclusion is not None:
            return f"the next run leaves it out (exclude.csv): {exclusion.detail}"
        return ""

    def _is_published(self, table: Path) -> bool:
        folder = self._settings.training.relative_to
        path = self._path if folder is None else self._path.removeprefix(f"{folder}/")
        return len(_rows_with(table, "path", [path, self._path], ["path"])) > 0

    def _row(self, path: Path, spec: TableSpec) -> pd.Series | None:
        """The clip's row without caption and extras, which are most of a table."""
        if path not in self._rows:
            columns = [name for name in spec.names if name not in {"text", "extras"}]
            rows = _rows_with(path, "clip_key", [self._key], columns)
            self._rows[path] = None if rows.empty else rows.iloc[0]
        return self._rows[path]


def _measured(row: pd.Series) -> str:
    """What is known of the pictures; what the prober said when nothing is."""
    if pd.isna(row["num_frames"]):
        return f"{row['probe_status']}: {row['probe_detail']}"
    rate = "unknown" if pd.isna(row["fps"]) else f"{row['fps']:.5g}"
    return f"{row['num_frames']} frames of {row['width']}x{row['height']}, {rate} fps, {size(row['file_size'])}"


def _union(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True).drop_duplicates("clip_key", ignore_index=True)


def _rows_like(path: Path, text: str, columns: list[str]) -> pd.DataFrame:
    """Rows of a table with `text` in the clip key, or at the end of the path; none when the table is not there."""
    if not path.exists():
        return _no_rows(columns)
    with opened(path) as file:
        found = [rows.filter(_is_like(rows, text)) for rows in groups(file, columns)]
    return pa.concat_tables(found).select(columns).to_pandas(types_mapper=pd.ArrowDtype) if found else _no_rows(columns)


def _is_like(rows: pa.Table, text: str) -> pa.ChunkedArray:
    is_part = pc.call_function("match_substring", [rows.column("clip_key")], pc.MatchSubstringOptions(text))
    is_end = pc.call_function("ends_with", [rows.column("path")], pc.MatchSubstringOptions(f"/{text}"))
    return pc.call_function("or_kleene", [is_part, is_end])


def _rows_with(path: Path, name: str, values: list[str], columns: list[str]) -> pd.DataFrame:
    """Rows of a table in which column `name` is one of `values`; none when the table is not there."""
    if not path.exists():
        return _no_rows(columns)
    with opened(path) as file:
        found = list(rows_with(file, name, values, columns))
    return pa.concat_tables(found).select(columns).to_pandas(types_mapper=pd.ArrowDtype) if found else _no_rows(columns)


def _no_rows(columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns=columns).astype(pd.ArrowDtype(pa.string()))
