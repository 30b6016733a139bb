"""What is published: the manifest, what it says, and whether the files beside it are the ones it names.

Belongs here: reading the training folder, and the manifest's file. Does not belong here: what a manifest says
(`publish.rules.manifest`), writing the product (`publish.publish`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from video_assets.core.schema import TRAINING
from video_assets.publish.product_files import per_source_names, sha256_file
from video_assets.publish.rules.manifest import Changes, Manifest
from video_assets.settings.model import Settings
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError
from video_assets.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Published:
    """What lies in the training folder, as its manifest says. Hashes are SHA-256; `dropped` counts clips by stage and reason."""

    csv: Path
    table: Path
    manifest: Path
    dropped_table: Path
    per_source: dict[str, Path]
    csv_hash: str
    csv_bytes: int
    n_listed: int
    n_kept: int
    dropped: Mapping[str, Mapping[str, int]]
    sources: Mapping[str, Mapping[str, int]]
    version: int
    changes: Changes | None


def read_published(layout: Layout, settings: Settings) -> Published:
    """What the manifest says, without looking at the files it names.

    Raises:
        StageError: there is no readable manifest.
    """
    name = settings.product_name
    manifest = read_manifest(layout.manifest(name))
    csv, counts = manifest.files[layout.training_csv(name).name], manifest.counts
    paths = {source: layout.training_csv(product) for source, product in per_source_names(settings).items()}
    return Published(
        csv=layout.training_csv(name),
        table=layout.training_table(name),
        manifest=layout.manifest(name),
        dropped_table=layout.dropped,
        per_source={source: path for source, path in paths.items() if path.name in manifest.files},
        csv_hash=csv.sha256,
        csv_bytes=csv.bytes,
        n_listed=counts.listed,
        n_kept=counts.kept,
        dropped=counts.dropped,
        sources=counts.sources,
        version=manifest.version,
        changes=manifest.changes,
    )


def verify_published(layout: Layout, settings: Settings) -> list[str]:
    """Sentences about every published file that is not the one its manifest names; empty when all are."""
    try:
        manifest = read_manifest(layout.manifest(settings.product_name))
    except StageError as error:
        return [str(error)]
    return problems_in(layout.training, manifest)


def problems_in(folder: Path, manifest: Manifest) -> list[str]:
    """Sentences about every file in `folder` that is not the one its manifest names; empty when all are."""
    problems = []
    for name, facts in manifest.files.items():
        path = folder / name
        if not path.exists():
            problems.append(f"{path} is missing: materialize training_csv")
        elif path.stat().st_size != facts.bytes or sha256_file(path) != facts.sha256:
            problems.append(f"{path} is not the file that the manifest names (interrupted or edited): materialize training_csv")
    return problems


def read_training(data_root: Path | str, *, settings: Settings | None = None) -> "pd.DataFrame":
    """The published training table of a data root, in the order of the CSV: path, text, num_frames, height, width, ...

    `settings` are those of the data root's own file when not given.

    Raises:
        StageError: nothing is published, or a published file is not the one that its manifest names.

    >>> import video_assets
    >>> video_assets.read_training("nowhere")
    Traceback (most recent call last):
    ...
    video_assets.storage.stages.StageError: ...training.manifest.json is missing: materialize training_csv
    """
    settings = settings or Settings(data_root=Path(data_root))
    if problems := verify_published(Layout(settings.data_root), settings):
        raise StageError(problems[0])
    return read_table(Layout(settings.data_root).training_table(settings.product_name), TRAINING).rows


def read_manifest(path: Path) -> Manifest:
    """The manifest as written.

    Raises:
        StageError: it is missing or not readable.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(f"{path} is missing: materialize training_csv") from None
    except ValueError as error:
        raise StageError(f"{path} is not readable ({error}): materialize training_csv") from error
    try:
        return Manifest.from_json(said)
    except ValueError as error:
        raise StageError(f"{path} was written by another version or edited ({error}): materialize training_csv") from error


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write it into `folder`, under the product's name; returns the file."""
    path = manifest_in(folder, manifest.name)
    write_text(path, json.dumps(manifest.as_json(), indent=2, ensure_ascii=False) + "\n")
    return path


def manifest_in(folder: Path, name: str) -> Path:
    """The manifest of product `name` in a version's folder."""
    return folder / f"{name}.manifest.json"
