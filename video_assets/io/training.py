"""The product: CSV, Parquet twin, table of dropped clips, and the manifest that is written last and vouches for them.

Rows come from the shards a few thousand at a time, so memory does not grow with the captions. Files whose hashes are not those of
the manifest are what an interrupted publication left behind: `verify_published` says so.
Belongs here: deciding over all shards, refusing, the manifest. Does not belong here: rows and their text (`core.training`,
`io.product`), whether the shards are current (`io.inputs`).
"""

import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from video_assets.core.enrich import positions
from video_assets.core.errors import MendableError
from video_assets.core.filters import drop_duplicate_content
from video_assets.core.report import funnel_from_counts
from video_assets.core.schema import CHECKED, DROPPED, LEDGER, TRAINING
from video_assets.core.sharding import shard_keys
from video_assets.core.training import counts_by_reason, counts_by_source, merge_order, training_rows
from video_assets.core.verdicts import is_dropped
from video_assets.io.inputs import IncompleteInputError, current_inputs
from video_assets.io.layout import Layout
from video_assets.io.plausibility import refuse_implausible
from video_assets.io.product import CHUNK_ROWS, ProductFiles, per_source_names, read_merged, sha256_file
from video_assets.io.published import Published, read_manifest, read_published, verify_published
from video_assets.io.sources import ledgers
from video_assets.io.stages import StageError, read_stage
from video_assets.io.tables import read_table, write_table, write_text
from video_assets.settings import Settings

_FROM_SOURCES = "materialize everything from the sources on, or type: video-assets run"
_ROW = ["clip_key", "source", *TRAINING.names]
_DECISIVE = ["clip_key", "source", "path", "verdict", "reason", "content_hash", "checker_version", "ffmpeg_versions"]

__all__ = ["IncompleteInputError", "NothingKeptError", "Published", "publish", "read_published", "verify_published"]


class NothingKeptError(MendableError):
    """Every clip was dropped; the message says by what."""


@dataclass(frozen=True)
class _Plan:
    """Which shard the next row is from, whether it is kept, and everything that is not."""

    order: npt.NDArray[np.int16]
    is_kept: npt.NDArray[np.bool_]
    kept: pd.DataFrame
    dropped: pd.DataFrame
    decoded_by: dict[str, list[str]]

    @property
    def counts(self) -> dict[str, Any]:
        """Clips by fate and source."""
        n_kept = int(self.is_kept.sum())
        return {
            "listed": n_kept + len(self.dropped),
            "kept": n_kept,
            "dropped": counts_by_reason(self.dropped),
            "sources": counts_by_source(self.kept["source"], self.dropped["source"]),
        }


def publish(layout: Layout, settings: Settings) -> Published:
    """Build the training table from the shards alone and write it with its twin, the dropped clips and the manifest.

    When nothing that it depends on has changed since the last time, nothing is written.

    Raises:
        IncompleteInputError: shards are missing, stale, or do not add up to what was listed; names them and what to do.
        ImplausibleError: more clips were dropped than the settings allow.
        NothingKeptError: no clip is left.
        StageError: a table is torn or unreadable.
        ValueError: a row that nobody can train on; names the clip.
        OSError: the disk did not take it; what was published before is untouched, or `verify_published` says that it is torn.
    """
    made_from = _made_from(layout, settings)
    if _is_current(layout, settings, made_from):
        return read_published(layout, settings)
    plan = _decide(layout, settings)
    _refuse_lost_clips(layout, settings, plan)
    counts = plan.counts
    if not counts["kept"]:
        raise NothingKeptError(_why_nothing(counts))
    refuse_implausible(layout, settings, funnel_from_counts(counts["kept"], counts["dropped"]))
    files = _write(layout, settings, plan, made_from)
    manifest = {
        "name": settings.product_name,
        "columns": TRAINING.names,
        "rows": counts["kept"],
        "files": files,
        "counts": counts,
    }
    text = json.dumps({**manifest, "decoded_by": plan.decoded_by, **made_from}, indent=2, ensure_ascii=False)
    _remove_stale(layout, settings, files)
    write_text(layout.manifest(settings.product_name), text + "\n")
    return read_published(layout, settings)


def _made_from(layout: Layout, settings: Settings) -> dict[str, Any]:
    """Settings, versions and inputs: when these are the same, so is the product."""
    decode = settings.decode
    return {
        "settings": {
            "filter": settings.filter.model_dump(mode="json"),
            "decode": {
                "n_shards": decode.n_shards,
                "max_duration_s": decode.max_duration_s,
                "tolerated_reasons": sorted(decode.tolerated_reasons),
            },
            "training": settings.training.model_dump(mode="json"),
        },
        "products": {"combined": settings.product_name, "per_source": per_source_names(settings)},
        "versions": {name: version(name) for name in ("video_assets", "pandas", "pyarrow")},
        "inputs": current_inputs(layout, settings),
    }


def _last_manifest(layout: Layout, settings: Settings) -> dict[str, Any]:
    """The manifest of the last publication; empty when there is none that can be read: it is replaced."""
    try:
        return read_manifest(layout.manifest(settings.product_name))
    except StageError:
        return {}


def _is_current(layout: Layout, settings: Settings, made_from: dict[str, Any]) -> bool:
    manifest = _last_manifest(layout, settings)
    return all(manifest.get(key) == value for key, value in made_from.items()) and not verify_published(layout, settings)


def _decide(layout: Layout, settings: Settings) -> _Plan:
    """Read what decisions need (no captions) of all shards, check it, and drop duplicates."""
    shards = shard_keys(settings.decode.n_shards)
    stages = [read_stage(layout.checked(shard), CHECKED, columns=_DECISIVE) for shard in shards]
    try:
        order = merge_order([stage.kept["clip_key"] for stage in stages])
    except ValueError as error:
        raise IncompleteInputError(f"the shards do not fit together: {error}; {_FROM_SOURCES}") from error
    clips = pd.concat([stage.kept for stage in stages], ignore_index=True)
    _refuse_bad_verdicts(clips, settings)
    dropped = [stage.dropped for stage in stages]
    is_kept = pd.Series(data=True, index=clips.index)
    if settings.training.duplicates == "drop":
        copies = drop_duplicate_content(clips).dropped
        is_kept = ~clips["clip_key"].isin(copies["clip_key"])
        dropped.append(copies)
    _refuse_repeated_paths(clips[is_kept.to_numpy(dtype=bool)])
    # Position k of the sorted order holds row k of the shards one after another.
    in_order = np.empty(len(clips), dtype=bool)
    in_order[np.argsort(order, kind="stable")] = is_kept.to_numpy(dtype=bool)
    return _Plan(
        order=order,
        is_kept=in_order,
        kept=clips.loc[is_kept, ["clip_key", "source"]],
        dropped=pd.concat([DROPPED.frame(), *dropped]).sort_values("clip_key", ignore_index=True),
        decoded_by={
            "checker": sorted(clips["checker_version"].unique()),
            "ffmpeg": sorted(clips["ffmpeg_versions"].unique()),
        },
    )


def _refuse_bad_verdicts(clips: pd.DataFrame, settings: Settings) -> None:
    """The shards hold good clips only; one that is not would be a fault of this program, and must not get further."""
    tolerated = settings.decode.tolerated_reasons
    for verdict, reason in clips[["verdict", "reason"]].drop_duplicates().itertuples(index=False, name=None):
        if is_dropped(verdict, reason, tolerated):
            clip = clips["clip_key"][(clips["verdict"] == verdict) & (clips["reason"] == reason)].iloc[0]
            raise IncompleteInputError(
                f"clip {clip!r} is {verdict} ({reason}) but not dropped: materialize its shard of decode_check again"
            )


def _refuse_repeated_paths(clips: pd.DataFrame) -> None:
    repeated = clips["path"][clips["path"].duplicated()]
    if len(repeated):
        raise IncompleteInputError(
            f"{len(repeated):,} paths are listed under two clip keys, first {repeated.iloc[0]!r}; {_FROM_SOURCES}"
        )


def _refuse_lost_clips(layout: Layout, settings: Settings, plan: _Plan) -> None:
    """Every clip of the ledgers is kept or dropped, once; nothing else is."""
    paths = ledgers(layout, settings.sources).values()
    listed = pd.concat([read_table(path, LEDGER, columns=["clip_key"]).rows["clip_key"] for path in paths])
    found = pd.concat([plan.kept["clip_key"], plan.dropped["clip_key"]])
    for clips, complaint in (
        (listed[listed.duplicated()], "listed more than once"),
        (found[found.duplicated()], "kept or dropped more than once"),
        (listed[positions(listed, found) < 0], "listed, but neither kept nor dropped"),
        (found[positions(found, listed) < 0], "kept or dropped, but not listed"),
    ):
        if len(clips):
            raise IncompleteInputError(f"{len(clips):,} clips are {complaint}, first {clips.iloc[0]!r}: {_FROM_SOURCES}")


def _why_nothing(counts: dict[str, Any]) -> str:
    drops = sorted(funnel_from_counts(0, counts["dropped"]).drops, key=lambda drop: -drop.clips)
    told = ", ".join(f"{drop.clips:,} {drop.reason} ({drop.stage})" for drop in drops[:5]) or "no clip was listed"
    return f"no clip is left of {counts['listed']:,} listed, so there is nothing to train on: {told}. Ask: video-assets why CLIP"


def _write(layout: Layout, settings: Settings, plan: _Plan, made_from: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Write everything but the manifest; return rows, bytes and SHA-256 by file name."""
    training = settings.training
    relative_to = None if training.relative_to is None else str(training.relative_to)
    paths = [layout.checked(shard) for shard in shard_keys(settings.decode.n_shards)]
    with ProductFiles(layout, settings.product_name, sources=per_source_names(settings)) as files:
        for start, clips in enumerate(read_merged(paths, plan.order, columns=_ROW)):
            is_kept = plan.is_kept[start * CHUNK_ROWS : start * CHUNK_ROWS + clips.num_rows]
            kept = clips.filter(pa.array(is_kept))
            files.write(training_rows(kept, relative_to=relative_to), kept.column("source"))
        if current_inputs(layout, settings) != made_from["inputs"]:
            raise IncompleteInputError(
                "another run changed the shards meanwhile: wait for it, then materialize training_csv again"
            )
        write_table(layout.dropped, DROPPED, plan.dropped)
    dropped = {"rows": len(plan.dropped), "bytes": layout.dropped.stat().st_size, "sha256": sha256_file(layout.dropped)}
    return {**files.facts, layout.dropped.name: dropped}


def _remove_stale(layout: Layout, settings: Settings, files: dict[str, Any]) -> None:
    """Per-source CSVs that the last publication wrote and this one does not."""
    for name in set(_last_manifest(layout, settings).get("files", ())) - set(files):
        (layout.training / name).unlink(missing_ok=True)
