"""The product: CSV, Parquet twin, table of dropped clips, and the manifest that vouches for them; each publication is a version.

A version is written aside and appears whole (`publish.versions`).
Belongs here: refusing, versions, the manifest. Does not belong here: which rows (`publish.which_rows`), writing them
(`publish.product_rows`), their text (`publish.rules.rows`), whether the shards are current (`pipeline.currency`).
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from video_assets.core.errors import MendableError
from video_assets.core.funnel import funnel_from_counts
from video_assets.core.json_values import JsonObject
from video_assets.core.schema import DROPPED, TRAINING
from video_assets.pipeline.currency import IncompleteInputError, current_inputs
from video_assets.pipeline.recipes import decode_check_recipe, training_csv_recipe
from video_assets.progress import Advance, Progress, no_progress
from video_assets.publish.audit import refuse_implausible
from video_assets.publish.compare import compare_tables
from video_assets.publish.exclusions import exclusions_hash
from video_assets.publish.manifest import Published, problems_in, read_published
from video_assets.publish.pieces import Piece, remember, remembered
from video_assets.publish.product_files import ProductFiles, per_source_names, sha256_file
from video_assets.publish.product_rows import write_rows
from video_assets.publish.rules.manifest import Changes, ClipCounts, FileFacts, MadeFrom, Manifest
from video_assets.publish.segments import KnownSegments, known_segments
from video_assets.publish.versions import (
    Version,
    commit,
    mend,
    new_folder,
    next_number,
    prune,
    read_versions,
    remove_drafts,
    show,
)
from video_assets.publish.which_rows import Plan, decide, refuse_lost_clips
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.leases import Lease, hold
from video_assets.storage.space import explained_space
from video_assets.storage.tables import write_table

# Another publication takes minutes: this one then finds nothing left to do.
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class _Written:
    """What the manifest says of the files, by name; and the pieces that they consist of."""

    files: dict[str, FileFacts]
    pieces: list[Piece]


class NothingKeptError(MendableError):
    """Every clip was dropped; the message says by what."""


def publish(layout: Layout, settings: Settings, *, progress: Progress = no_progress) -> Published:
    """Build the training table from the shards alone and write it with its twin, the dropped clips and the manifest.

    When nothing that it depends on has changed since the last time, nothing is written. When no file would change, the last
    version stays the last one. Otherwise there is a new version, and the oldest ones go (training.keep_versions).

    `progress` counts the rows that are written.

    Raises:
        ExclusionError: exclude.csv cannot be read.
        IncompleteInputError: shards are missing, stale, or do not add up to what was listed; names them and what to do.
        ImplausibleError: more clips were dropped than the settings allow.
        NothingKeptError: no clip is left.
        StageError: a table is torn or unreadable.
        TwoKeysError: a file is listed as two clips.
        LeaseHeldError: another publication goes on and on.
        ValueError: a row that nobody can train on; names the clip.
        NoSpaceError: the disk is full; what was published before is untouched.
        OSError: the disk did not take it otherwise; the same.
    """
    with hold(layout.versions_lease, stale_after_s=settings.decode.lease_stale_s, patience_s=_PATIENCE_S) as lease:
        return _publish(layout, settings, lease, progress)


def _publish(layout: Layout, settings: Settings, lease: Lease, progress: Progress) -> Published:
    made_from = _made_from(layout, settings)
    remove_drafts(layout)
    versions = read_versions(layout)
    last = versions[-1] if versions else None
    if last is None or last.manifest.made_from != made_from or problems_in(last.folder, last.manifest):
        plan = decide(layout, settings)
        refuse_lost_clips(layout, settings, plan)
        counts = plan.counts
        if not counts.kept:
            raise NothingKeptError(_why_nothing(counts))
        refuse_implausible(layout, settings, funnel_from_counts(counts.kept, counts.dropped))
        last = _build(layout, settings, plan, made_from, versions, progress=progress)
    lease.ensure()
    show(layout, last)
    prune(layout, keep=settings.training.keep_versions)
    return read_published(layout, settings)


def _made_from(layout: Layout, settings: Settings) -> MadeFrom:
    recipe = training_csv_recipe(settings)
    return MadeFrom(
        settings={
            "filter": settings.filter.model_dump(mode="json"),
            "decode": {"n_shards": settings.decode.n_shards, **decode_check_recipe(settings.decode).settings},
            "training": recipe.settings,
        },
        products={"combined": settings.product_name, "per_source": per_source_names(settings)},
        versions=recipe.versions,
        inputs=product_inputs(layout, settings),
    )


def product_inputs(layout: Layout, settings: Settings) -> JsonObject:
    """Hashes of all that a publication would be made from now: `current_inputs`, and what a person left out.

    Raises:
        ExclusionError, IncompleteInputError, StageError: as `publish`.
    """
    excluded = exclusions_hash(layout)
    return {**current_inputs(layout, settings), **({layout.exclusions.name: excluded} if excluded else {})}


def _build(
    layout: Layout, settings: Settings, plan: Plan, made_from: MadeFrom, versions: list[Version], *, progress: Progress
) -> Version:
    """Write the product aside; it becomes the next version, or the last one when that has the same files."""
    undamaged = (version for version in reversed(versions) if not problems_in(version.folder, version.manifest))
    previous = next(undamaged, None)
    with (
        new_folder(layout) as folder,
        explained_space(layout.training, purpose="publishing"),
        progress("write the training CSV", plan.counts.kept, "rows") as advance,
    ):
        written = _write(layout, settings, plan, made_from, folder=folder, previous=previous, advance=advance)
        counts = plan.counts
        manifest = Manifest(
            version=next_number(layout),
            name=settings.product_name,
            columns=tuple(TRAINING.names),
            rows=counts.kept,
            files=written.files,
            counts=counts,
            decoded_by=plan.decoded_by,
            report=layout.report_page.relative_to(layout.training).as_posix(),
            made_from=made_from,
        )
        last = versions[-1] if versions else None
        table_sha256 = written.files[f"{settings.product_name}.parquet"].sha256
        remember(layout.training_pieces, table_sha256=table_sha256, pieces=written.pieces)
        if last is not None and last.manifest.files == written.files:
            return mend(last, folder, replace(manifest, version=last.manifest.version, changes=last.manifest.changes))
        return commit(layout, folder, replace(manifest, changes=_changes(folder, manifest, previous)), previous)


def _changes(folder: Path, manifest: Manifest, previous: Version | None) -> Changes | None:
    """What is new since the version before, in numbers and first paths."""
    if previous is None:
        return None
    compared = compare_tables(previous.table, folder / f"{manifest.name}.parquet")
    return Changes(previous.number, compared.diff.counts, compared.examples())


def _why_nothing(counts: ClipCounts) -> str:
    drops = sorted(funnel_from_counts(0, counts.dropped).drops, key=lambda drop: -drop.clips)
    told = ", ".join(f"{drop.clips:,} {drop.reason} ({drop.stage})" for drop in drops[:5]) or "no clip was listed"
    return f"no clip is left of {counts.listed:,} listed, so there is nothing to train on: {told}. Ask: video-assets why CLIP"


def _write(
    layout: Layout,
    settings: Settings,
    plan: Plan,
    made_from: MadeFrom,
    *,
    folder: Path,
    previous: Version | None,
    advance: Advance,
) -> _Written:
    """Write everything but the manifest."""
    with (
        _known_to(layout, settings, previous) as known,
        ProductFiles(folder, settings.product_name, sources=per_source_names(settings), known=known) as files,
    ):
        write_rows(layout, settings, plan, files=files, previous=previous, scratch=folder, advance=advance)
        if product_inputs(layout, settings) != made_from.inputs:
            raise IncompleteInputError(
                "the shards or exclude.csv were changed meanwhile: wait for the other run, then materialize training_csv again"
            )
    path = folder / layout.dropped.name
    write_table(path, DROPPED, plan.dropped)
    dropped = FileFacts(rows=len(plan.dropped), bytes=path.stat().st_size, sha256=sha256_file(path))
    return _Written({**files.facts, path.name: dropped}, files.pieces)


def _known_to(layout: Layout, settings: Settings, previous: Version | None) -> AbstractContextManager[KnownSegments]:
    if previous is None:
        return nullcontext(KnownSegments())
    pieces = remembered(layout.training_pieces, table_sha256=previous.manifest.files[previous.table.name].sha256)
    by_source = {source: previous.folder / f"{product}.csv" for source, product in per_source_names(settings).items()}
    return known_segments(previous.folder / f"{previous.name}.csv", previous.table, pieces=pieces, by_source=by_source)
