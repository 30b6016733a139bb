"""One export: a draft folder, the rows that the consumer takes, those that it does not, the manifest, and a rename.

Belongs here: that order. Does not belong here: formats (`exports.targets`), rules (`select.rules.lint`), rows (`exports.rows`).
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.consumers import CONSUMERS, REFUSALS, Consumer, unknown_refusal
from video_assets.core.errors import UsageError
from video_assets.exports.exchange import MANIFEST, has_made, read_export, recover, swap, write_manifest
from video_assets.exports.output import Options, Origin, Output
from video_assets.exports.registry import writer_of
from video_assets.exports.rows import FATES, fate, newest_version, read_facts, read_rows
from video_assets.publish.versions import Version
from video_assets.select.rules import lint as rules
from video_assets.settings.model import Settings
from video_assets.storage.durable import draft_of
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold
from video_assets.storage.space import explained_space

LEFT_OUT = "left_out.parquet"
_PATIENCE_S = 600.0
_FORMATS = dict.fromkeys(
    ("finetrainers", "diffusion-pipe", "musubi-tuner", "videox-fun", "videofolder", "simpletuner", "webdataset", "lance"), 3
) | dict.fromkeys(("ltx", "energon", "cosmos-predict2.5"), 4)
"""Of targets that write or leave out otherwise than they once did; the others are at 2."""
_LEFT_OUT = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("path", pa.string()),
        pa.field("source", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Exported:
    """What an export says of itself. `is_new` is false when nothing had changed since the last one."""

    folder: Path
    manifest: dict[str, Any]
    is_new: bool

    @property
    def n_kept(self) -> int:
        """Rows that the consumer gets."""
        return self.manifest["kept"]

    @property
    def left_out(self) -> dict[str, int]:
        """Rows by reason that it does not."""
        return self.manifest["left_out"]


def options_of(settings: Settings) -> Options:
    """The options that the settings say."""
    return Options(**settings.exports.model_dump(exclude={"targets"}))


def export(layout: Layout, settings: Settings, target: str, options: Options | None = None) -> Exported:
    """Write the newest version in the format of `target` to `exports/TARGET/`, or leave it when nothing has changed.

    Raises:
        UsageError: there is no such target, or no such reason as an option allows; or a folder of that name was not made here.
        StageError: nothing is published, or its tables are damaged; says what to do.
        LeaseHeldError: another export of this target goes on and on.
        NoSpaceError: the disk is full; the last export is whole.
        OSError: the disk did not take it; the last export is whole.
    """
    write = writer_of(target)
    options = options or options_of(settings)
    _refuse_unknown(options)
    folder = layout.export(target)
    with hold(layout.lease("exports", target), stale_after_s=settings.decode.lease_stale_s, patience_s=_PATIENCE_S):
        recover(folder)
        known = read_export(folder)
        version = newest_version(layout)
        made_from = _made_from(version, settings, target, options)
        if known is not None and _is_current(known, made_from, folder) and _has_all(folder, known):
            return Exported(folder, known, is_new=False)
        with _draft(folder, target) as draft:
            out = Output(draft, folder, options, name=target, origin=Origin(layout, settings, version))
            consumer = CONSUMERS[target]
            facts = read_facts(layout, settings, has_hashes=consumer.is_handed_on, has_times=consumer.opens_clips)
            with out.noting(), _Sieve(out, consumer) as sieve:
                write(sieve.kept(read_rows(version, facts)), out)
            place = {"folder": str(folder)} if out.is_bound else {}
            manifest = {**made_from, **place, **sieve.counts(version), **_written(out)}
            _finish(draft, manifest)
            swap(draft, folder)
    return Exported(folder, read_export(folder) or manifest, is_new=True)


def _refuse_unknown(options: Options) -> None:
    for reason in options.allowed:
        if reason not in REFUSALS:
            raise UsageError(unknown_refusal(reason))


def _made_from(version: Version, settings: Settings, target: str, options: Options) -> dict[str, Any]:
    """When all of this is the same, so is the export."""
    return {
        "format": _FORMATS.get(target, 2),
        "target": target,
        "version": version.number,
        "table_sha256": version.manifest.table_facts.sha256,
        "options": json.loads(json.dumps(options.as_record)),
        "licences": dict(sorted(settings.licences.items())),
    }


def _is_current(known: dict[str, Any], made_from: dict[str, Any], folder: Path) -> bool:
    """False also when clips are missing for what became of their files: since then they may be back, or checked.

    And where the data root was moved or copied, when files of the export name the place where it was.
    """
    is_same = all(known.get(key) == value for key, value in made_from.items())
    return is_same and known.get("folder", str(folder)) == str(folder) and not FATES.keys() & known["left_out"]


def _has_all(folder: Path, manifest: dict[str, Any]) -> bool:
    """False when something that the export made is missing, or a file with rows has not the bytes that it had."""
    return (
        all((folder / name).exists() for name in manifest["entries"])
        and all(_is_as_written(folder / name, facts) for name, facts in manifest["files"].items())
        and has_made(folder, but=manifest.get("foreseen", ()))
    )


def _is_as_written(path: Path, facts: Mapping[str, Any]) -> bool:
    """Files without rows are settings to start from: what a user wrote into them counts."""
    try:
        n_bytes = path.stat().st_size
    except OSError:
        return False
    return n_bytes == facts["bytes"] or bool(n_bytes and not facts["rows"])


@contextmanager
def _draft(folder: Path, target: str) -> Iterator[Path]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(folder)
    draft.mkdir()
    try:
        with explained_space(folder.parent, purpose=f"export {target}"):
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


class _Sieve:
    """Takes out what the consumer cannot take, on the way; writes down what, and why."""

    def __init__(self, out: Output, consumer: Consumer) -> None:
        self._out, self._consumer = out, consumer
        self._stack = ExitStack()
        self._kept = 0
        self._left_out: Counter[str] = Counter()
        self._sources: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> Self:
        self._file = self._stack.enter_context(self._out.open(LEFT_OUT))
        self._table = self._stack.enter_context(
            pq.ParquetWriter(pa.PythonFile(self._file, mode="w"), _LEFT_OUT, compression="zstd")
        )
        self._threads = self._stack.enter_context(ThreadPoolExecutor(16))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def kept(self, rows: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """The rows that the consumer takes."""
        for part in rows:
            reasons = self._reasons(part)
            is_out = pa.array((reasons["reason"] != "").to_numpy())
            self._write(part, reasons, is_out)
            taken = part.filter(_not(is_out))
            self._kept += taken.num_rows
            self._sources.update(zip(taken.column("source").to_pylist(), taken.column("licence").to_pylist(), strict=True))
            if taken.num_rows:
                yield taken

    def counts(self, version: Version) -> dict[str, Any]:
        """For the manifest.

        Raises:
            ValueError: kept and left out are not the version's rows; a fault of the target's module.
        """
        n_rows = version.manifest.rows
        if self._kept + sum(self._left_out.values()) != n_rows:
            raise ValueError(
                f"{self._out.name}: {self._kept:,} kept, {dict(self._left_out)} left out, but {n_rows:,} rows published"
            )
        by_source = [
            {"source": source, "licence": licence, "rows": rows} for (source, licence), rows in sorted(self._sources.items())
        ]
        return {"rows": n_rows, "kept": self._kept, "left_out": dict(sorted(self._left_out.items())), "sources": by_source}

    def _reasons(self, part: pa.Table) -> pd.DataFrame:
        frame = part.select(rules.COLUMNS).to_pandas(types_mapper=pd.ArrowDtype)
        options = self._out.options
        found = rules.lint(frame, self._consumer, min_frames=options.min_frames, allowed=frozenset(options.allowed))
        if self._consumer.opens_clips:
            of_each = (part.column(name).to_pylist() for name in ("path", "file_size", "mtime_ns"))
            fates = pd.Series(list(self._threads.map(fate, *of_each)), index=frame.index)
            for reason, detail in FATES.items():
                found.loc[(fates == reason) & (found["reason"] == ""), ["reason", "detail"]] = [reason, detail]
        return found

    def _write(self, part: pa.Table, reasons: pd.DataFrame, is_out: pa.Array) -> None:
        told = {name: pa.array(reasons[name].astype(str), pa.string()) for name in ("reason", "detail")}
        rows = part.select(["row", "path", "source", "licence"])
        if self._consumer.is_handed_on:
            rows = rows.set_column(1, "path", self._out.names_for_others(part))
        for name, column in told.items():
            rows = rows.append_column(name, column)
        gone = rows.filter(is_out).cast(_LEFT_OUT)
        self._left_out.update(gone.column("reason").to_pylist())
        self._file.n_rows += gone.num_rows
        self._table.write_table(gone)


def _not(mask: pa.Array) -> pa.Array:
    return pa.array(~mask.to_numpy(zero_copy_only=False))


def _written(out: Output) -> dict[str, Any]:
    return {"links": dict(out.links), "repaired": dict(+out.repaired), "files": out.files, "foreseen": out.foreseen}


def _finish(draft: Path, manifest: dict[str, Any]) -> None:
    manifest["entries"] = sorted([*(path.name for path in draft.iterdir()), MANIFEST])
    write_manifest(draft, manifest)
    # Links, and a million small captions: asking for each alone would take hours.
    os.sync()
