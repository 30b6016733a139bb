"""Published versions without some of their rows: what a take-down does to those that are kept.

A version keeps its number, order and all other rows; its manifest says what was taken out and which hashes the files had before.
Belongs here: one version. Does not belong here: which clips (`takedown.take_down`), rewriting a file
(`takedown.scrub_version`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from video_assets.core.schema import DROPPED
from video_assets.publish.manifest import write_manifest
from video_assets.publish.product_files import sha256_file
from video_assets.publish.rules.manifest import Changes, ClipCounts, FileFacts, Manifest, Redaction
from video_assets.takedown.outcome import FoundClip
from video_assets.takedown.scrub_version import Lines, lines_of, scrub_csv, scrub_dropped, scrub_product_table


def redact_version(folder: Path, manifest: Manifest, clips: Sequence[FoundClip], *, request: str) -> int:
    """Take `clips` out of a version's files; the manifest is written last. Killed in between, it is done again.

    Returns:
        Rows that were taken out of its table.
    """
    prefix = f"{manifest.relative_to}/" if manifest.relative_to else ""
    by_path = {clip.path.removeprefix(prefix): clip for clip in clips if clip.path}
    table = folder / f"{manifest.name}.parquet"
    published = {path for path in pq.read_table(table, columns=["path"])["path"].to_pylist() if path in by_path}
    if not published and not _is_half_done(folder, manifest) and not _is_named(manifest, by_path):
        return 0
    csv = folder / f"{manifest.name}.csv"
    # Before the twin is another one.
    lines = {csv: lines_of(csv, table, set(by_path), sha256=manifest.files[csv.name].sha256)}
    files = {
        name: _redact_file(folder / name, facts, published, by_path, table=table, lines=lines)
        for name, facts in manifest.files.items()
    }
    gone = [by_path[path] for path in published]
    write_manifest(folder, _redacted(manifest, files, gone, set(by_path), request))
    return len(published)


def _is_half_done(folder: Path, manifest: Manifest) -> bool:
    return any((folder / name).stat().st_size != facts.bytes for name, facts in manifest.files.items())


def _is_named(manifest: Manifest, by_path: dict[str, FoundClip]) -> bool:
    return manifest.changes is not None and manifest.changes.examples.names_any(set(by_path))


def _redact_file(
    path: Path,
    facts: FileFacts,
    published: set[str],
    by_path: dict[str, FoundClip],
    *,
    table: Path,
    lines: Mapping[Path, Sequence[Lines]],
) -> FileFacts:
    """The file's new facts."""
    if path.suffix == ".csv":
        n_rows = facts.rows - scrub_csv(path, set(by_path), lines=lines.get(path, ()))
    elif path == table:
        scrub_product_table(path, set(by_path))
        n_rows = pq.read_metadata(path).num_rows
    else:
        clips = [{"clip_key": by_path[p].clip_key, "source": by_path[p].source, "path": by_path[p].path} for p in published]
        if clips:
            scrub_dropped(path, DROPPED.frame([{**clip, "stage": "", "reason": "", "detail": ""} for clip in clips]))
        n_rows = pq.read_metadata(path).num_rows
    return FileFacts(rows=n_rows, bytes=path.stat().st_size, sha256=sha256_file(path))


def _redacted(
    manifest: Manifest, files: Mapping[str, FileFacts], gone: list[FoundClip], paths: set[str], request: str
) -> Manifest:
    """The manifest of the redacted version."""
    redacted = replace(
        manifest,
        files=files,
        rows=files[f"{manifest.name}.parquet"].rows,
        counts=_counts(manifest.counts, gone),
        changes=_changes(manifest.changes, paths),
    )
    before = {name: facts.sha256 for name, facts in manifest.files.items() if facts.sha256 != files[name].sha256}
    if not before:
        return redacted
    entry = Redaction(request=request, rows=len(gone), sha256_before=before)
    # It is no more what its inputs would give: the next publication must not take it for that.
    return replace(redacted, made_from=replace(manifest.made_from, inputs=None), redacted=(*manifest.redacted, entry))


def _changes(changes: Changes | None, paths: set[str]) -> Changes | None:
    return changes and replace(changes, examples=changes.examples.without(paths))


def _counts(counts: ClipCounts, gone: list[FoundClip]) -> ClipCounts:
    if not gone:
        return counts
    dropped = {stage: dict(reasons) for stage, reasons in counts.dropped.items()}
    of_stage = dropped.setdefault("training_csv", {})
    of_stage["taken_down"] = of_stage.get("taken_down", 0) + len(gone)
    sources = {name: dict(of_source) for name, of_source in counts.sources.items()}
    for clip in gone:
        if clip.source in sources:
            sources[clip.source]["kept"] -= 1
            sources[clip.source]["dropped"] += 1
    return replace(counts, kept=counts.kept - len(gone), dropped=dropped, sources=sources)
