"""Reads what was published and holds it against the rules of `publish.rules.checks`.

Two moments: the checks that the UI shows after a publication, and the last look before it. Numbers that no set of clips explains
mean that a machine is ill; then nothing is published.
Belongs here: reading tables, asking the disk, refusing. Does not belong here: the rules (`publish.rules.checks`), Dagster
(`defs.training`).
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pandas as pd

from video_assets.core.errors import MendableError
from video_assets.core.funnel import Funnel, funnel_from_counts
from video_assets.core.matching import has_repeats, have_same_keys, positions
from video_assets.core.schema import CHECKED, CLIPS, DROPPED, TRAINING
from video_assets.core.sharding import shard_keys
from video_assets.pipeline.shard import outcome_of
from video_assets.publish.manifest import read_manifest, verify_published
from video_assets.publish.rules import checks
from video_assets.publish.rules.checks import CheckFinding
from video_assets.publish.rules.counting import count_funnel
from video_assets.publish.rules.manifest import Manifest
from video_assets.publish.versions import read_versions
from video_assets.settings.model import Settings, Source
from video_assets.sources.ledgers import ledgers, listed_keys
from video_assets.storage.durable import hash_file
from video_assets.storage.layout import Layout
from video_assets.storage.row_groups import parts
from video_assets.storage.stages import StageError, read_stage, stage_note
from video_assets.storage.tables import count_nulls, count_rows, read_empty, read_table

_BLOCK = 1_000
_QUICK_S = 50e-6  # a question that a local disk answers takes 2 to 20 µs, one that crosses a network 200 and more
_MANY = 16


class ImplausibleError(MendableError):
    """Too many clips were dropped, in all or in one shard; the message says which limit and how to lift it."""


def audit_metadata(layout: Layout, sources: Sequence[Source]) -> list[CheckFinding]:
    """Every clip that the sources listed is in enriched_metadata, kept or dropped."""
    stage = read_stage(layout.enriched_metadata, CLIPS, columns=["clip_key"])
    listed = listed_keys(layout, sources)
    found = pd.concat([stage.kept["clip_key"], stage.dropped["clip_key"]])
    is_same = have_same_keys(listed, found)
    if not is_same and not has_repeats(found) and _listed_since(layout, sources, stage.note.inputs):
        text = f"{len(found):,} clips, kept or dropped; others were listed meanwhile, which the next run takes in"
        return [CheckFinding("metadata_reconciles", True, text, {"listed_clips": len(found)})]
    lost = [] if is_same else sorted({*listed[positions(listed, found) < 0], *found[positions(found, listed) < 0]})
    text = f"{len(listed):,} listed = {len(stage.kept):,} kept + {len(stage.dropped):,} dropped"
    text += f"; not in both: {lost[:5]}" if lost else "" if is_same else "; a clip is there twice"
    return [CheckFinding("metadata_reconciles", is_same, text, {"listed_clips": len(listed)})]


def audit_training(layout: Layout, settings: Settings) -> list[CheckFinding]:
    """All rules about the published training table.

    Raises:
        StageError, FileNotFoundError: there is nothing to checks.
    """
    table = layout.training_table(settings.product_name)
    rows = _look_through(table, settings.training.relative_to or layout.root)
    dropped = read_table(layout.dropped, DROPPED, columns=["clip_key", "stage", "reason"]).rows
    counted = count_funnel(rows.n_rows, dropped)
    shards = shard_keys(settings.decode.n_shards)
    limits = settings.checks
    return [
        checks.columns_and_types(read_empty(table), TRAINING),
        checks.no_nulls(rows.n_rows, {**rows.wrong, "text": count_nulls(table, "text")}),
        checks.unique_paths(pd.concat(rows.paths, ignore_index=True)),
        checks.files_exist(rows.n_gone, rows.first_gone),
        _counts_reconcile(layout, settings, counted, rows.n_rows),
        _every_clip_has_a_verdict(layout, shards),
        checks.drop_rate(counted, max_drop_share=limits.max_drop_share, max_bad_share=limits.max_bad_share),
        checks.no_shard_outlier(shard_counts(layout, shards), max_excess=limits.max_shard_excess),
        checks.reasons_as_before(counted, _funnel_before(layout), max_rise=limits.max_reason_rise),
        _manifest_matches(layout, settings),
    ]


def _counts_reconcile(layout: Layout, settings: Settings, counted: Funnel, n_rows: int) -> CheckFinding:
    n_listed = sum(count_rows(path) for path in ledgers(layout, settings.sources).values())
    is_listed_since = False
    if n_listed != counted.listed:
        with suppress(StageError):  # no manifest, or an unreadable one: `manifest_matches` says so
            manifest = read_manifest(layout.manifest(settings.product_name))
            if is_listed_since := _listed_since(layout, settings.sources, _listings_of(layout, manifest)):
                n_listed = manifest.counts.listed  # the publication held its rows against the listings of then
    return checks.counts_reconcile(counted, n_listed=n_listed, n_rows=n_rows, is_listed_since=is_listed_since)


def _listings_of(layout: Layout, manifest: Manifest) -> dict[str, object]:
    """Hashes of the listings from which the version was made; none of one that a take-down made."""
    tables = (manifest.made_from.inputs or {}).get("tables")
    stages = {layout.enriched_metadata.stem, layout.size_filtered.stem}
    return {name: told for name, told in tables.items() if name not in stages} if isinstance(tables, Mapping) else {}


def _listed_since(layout: Layout, sources: Sequence[Source], then: Mapping[str, object]) -> bool:
    """True when there are other listings now than `then` (hashes by name): one run may list while another one checks."""
    return bool(then) and then != {name: hash_file(path) for name, path in ledgers(layout, sources).items()}


def _funnel_before(layout: Layout) -> Funnel | None:
    """The clips of the version that the newest one is compared with; None when it is the first, or that one is gone."""
    versions = {version.number: version for version in read_versions(layout)}
    changes = versions[max(versions)].manifest.changes if versions else None
    if changes is None or changes.since not in versions:
        return None
    counts = versions[changes.since].manifest.counts
    return funnel_from_counts(counts.kept, counts.dropped)


@dataclass
class _Rows:
    """What the rules ask of the rows of the table, without keeping these."""

    paths: list[pd.Series]
    n_rows: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    n_gone: int = 0
    first_gone: str = ""


def _look_through(table: Path, root: Path) -> _Rows:
    """Read the table a row group at a time, and ask the disk for every file."""
    # Captions are most of the table, and no rule but one asks about them: whether one is missing.
    names, disk = [name for name in TRAINING.names if name != "text"], _Disk(root)
    found = _Rows(paths=[pd.Series(dtype=TRAINING.dtypes["path"])])
    for part in parts(table, names):
        rows = part.to_pandas(types_mapper=pd.ArrowDtype)
        found.n_rows += len(rows)
        found.wrong.update(checks.wrong_values(rows))
        found.paths.append(rows["path"])
        paths = rows["path"].tolist()
        gone = [path for path, size, known in zip(paths, disk.sizes(paths), rows["file_size"], strict=True) if size != known]
        found.n_gone += len(gone)
        found.first_gone = found.first_gone or next(iter(gone), "")
    return found


class _Disk:
    """Asks for the sizes of files.

    On shared storage each question waits for an answer, so many are asked at a time. On a local disk threads only wait for each
    other, and cost 2.5 times the CPU: the first answers tell which it is.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._is_quick: bool | None = None

    def sizes(self, paths: list[str]) -> Iterator[int | None]:
        """In the order of the paths, which may be relative to the root; None where there is no file."""
        blocks = [paths[start : start + _BLOCK] for start in range(0, len(paths), _BLOCK)]
        if self._is_quick is None and blocks:
            yield from self._first_sizes(blocks.pop(0))
        if self._is_quick:
            yield from chain.from_iterable(map(self._sizes, blocks))
            return
        with ThreadPoolExecutor(_MANY) as threads:
            yield from chain.from_iterable(threads.map(self._sizes, blocks))

    def _first_sizes(self, paths: list[str]) -> list[int | None]:
        begun = time.perf_counter()
        sizes = self._sizes(paths)
        self._is_quick = time.perf_counter() - begun < len(paths) * _QUICK_S
        return sizes

    def _sizes(self, paths: list[str]) -> list[int | None]:
        return [_size(os.path.join(self._root, path)) for path in paths]  # noqa: PTH118 - millions of them


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - millions of them
    except OSError:
        return None


def _every_clip_has_a_verdict(layout: Layout, shards: list[str]) -> CheckFinding:
    listed = decided = 0
    is_whole = True
    for shard in shards:
        stage = read_stage(layout.checked(shard), CHECKED, columns=["verdict", "content_hash"])
        listed += outcome_of(shard, stage.note).n_clips
        decided += len(stage.kept) + int((stage.dropped["stage"] == "decode_check").sum())
        is_whole &= not bool(stage.kept.isna().to_numpy().any())
    is_passed = listed == decided and is_whole
    return CheckFinding(
        "every_clip_has_a_verdict", is_passed, f"{decided:,} verdicts for {listed:,} clips in {len(shards)} shards"
    )


def _manifest_matches(layout: Layout, settings: Settings) -> CheckFinding:
    problems = list(verify_published(layout, settings))
    return CheckFinding("manifest_matches", not problems, "; ".join(problems) or "CSV, Parquet and manifest belong together")


def shard_counts(layout: Layout, shards: list[str]) -> pd.DataFrame:
    """Columns shard, listed, dropped: clips that the decode check of each shard got and dropped."""
    outcomes = [outcome_of(shard, stage_note(layout.checked(shard))) for shard in shards]
    return pd.DataFrame(
        {
            "shard": [outcome.shard for outcome in outcomes],
            "listed": [outcome.n_clips for outcome in outcomes],
            "dropped": [outcome.n_clips - outcome.n_kept for outcome in outcomes],
        }
    )


def refuse_implausible(layout: Layout, settings: Settings, counted: Funnel) -> None:
    """Nothing happens when the numbers are within the limits of `checks` in the settings.

    Raises:
        ImplausibleError: they are not.
    """
    limits = settings.checks
    counts = shard_counts(layout, shard_keys(settings.decode.n_shards))
    findings = (
        checks.drop_rate(counted, max_drop_share=limits.max_drop_share, max_bad_share=limits.max_bad_share),
        checks.no_shard_outlier(counts, max_excess=limits.max_shard_excess),
    )
    if problems := [finding.description for finding in findings if not finding.is_passed]:
        raise ImplausibleError(
            f"not published: {'; '.join(problems)}. Look at the storage and at `video-assets why`; when it is the "
            "clips after all, raise checks.max_drop_share, max_bad_share or max_shard_excess in the settings"
        )
