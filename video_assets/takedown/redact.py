"""Published versions without some of their rows: what a take-down does to those that are kept.

A version keeps its number, order and all other rows; its manifest says what was taken out and which hashes the files had before.
Which clips go is written down beside the files first: killed in between, the next take-down of any clip goes on with these, too.
Belongs here: one version. Does not belong here: which clips (`takedown.take_down`), rewriting a file
(`takedown.scrub_version`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from video_assets.publish.manifest import write_manifest
from video_assets.publish.product_files import sha256_file
from video_assets.publish.rules.manifest import Changes, ClipCounts, FileFacts, Manifest, Redaction
from video_assets.storage.durable import write_text
from video_assets.takedown.outcome import FoundClip
from video_assets.takedown.scrub_version import Lines, count_csv_rows, lines_of, scrub_csv, scrub_dropped, scrub_product_table

_BEGUN = ".redaction.json"


def redact_version(folder: Path, manifest: Manifest, clips: Sequence[FoundClip], *, request: str) -> int:
    """Take `clips` out of a version's files; the manifest is written last. Killed in between, it is done again.

    Returns:
        Rows of these clips that were taken out of its table.
    """
    prefix = f"{manifest.relative_to}/" if manifest.relative_to else ""
    asked = {clip.path.removeprefix(prefix): clip for clip in clips if clip.path}
    is_half_done = any((folder / name).stat().st_size != facts.bytes for name, facts in manifest.files.items())
    begun = {clip.path.removeprefix(prefix): clip for clip in _begun(folder)} if is_half_done else {}
    by_path, table = {**asked, **begun}, folder / f"{manifest.name}.parquet"
    published = {path for path in pq.read_table(table, columns=["path"])["path"].to_pylist() if path in by_path} | set(begun)
    if not published and not is_half_done and not _is_named(manifest, by_path):
        return 0
    gone = [by_path[path] for path in sorted(published)]
    write_text(folder / _BEGUN, json.dumps([asdict(clip) for clip in gone]))
    csv = folder / f"{manifest.name}.csv"
    # Before the twin is another one.
    lines = {csv: lines_of(csv, table, set(by_path), sha256=manifest.files[csv.name].sha256)}
    files = {
        name: _redact_file(folder / name, facts, gone, set(by_path), table=table, lines=lines)
        for name, facts in manifest.files.items()
    }
    write_manifest(folder, _redacted(manifest, files, gone, set(by_path), request))
    (folder / _BEGUN).unlink()
    return len(published & set(asked))


def _begun(folder: Path) -> list[FoundClip]:
    """Clips that a take-down which was killed was about to take out of the version."""
    path = folder / _BEGUN
    return [FoundClip(**clip) for clip in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def _is_named(manifest: Manifest, by_path: dict[str, FoundClip]) -> bool:
    return manifest.changes is not None and manifest.changes.examples.names_any(set(by_path))


def _redact_file(
    path: Path,
    facts: FileFacts,
    gone: Sequence[FoundClip],
    paths: set[str],
    *,
    table: Path,
    lines: Mapping[Path, Sequence[Lines]],
) -> FileFacts:
    """The file's new facts."""
    if path.suffix == ".csv":
        scrub_csv(path, paths, lines=lines.get(path, ()))
        n_rows = facts.rows if path.stat().st_size == facts.bytes else count_csv_rows(path)
    elif path == table:
        scrub_product_table(path, paths)
        n_rows = pq.read_metadata(path).num_rows
    else:
        if gone:
            scrub_dropped(path, pd.DataFrame([asdict(clip) for clip in gone]))
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
