"""Every publication as a folder of its own: written aside, renamed into place, then shown in `training/` through hard links.

`versions/000007/` is whole from the moment it is there, whatever is killed. The files in `training/` are the same bytes under
their usual names (one inode, no copy); should a kill leave them mixed, the next publication only links them again.
Belongs here: folders, links, numbers. Does not belong here: what is in them (`publish.publish`), comparing them
(`publish.compare`).
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from video_assets.core.errors import UsageError
from video_assets.publish.manifest import manifest_in, read_manifest, write_manifest
from video_assets.publish.product_files import sha256_file
from video_assets.publish.rules.manifest import Manifest
from video_assets.storage.durable import draft_of, fsync_folder, is_draft, write_text
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}


@dataclass(frozen=True)
class Version:
    """One publication. `manifest` is what it says of itself."""

    number: int
    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Name of the product."""
        return self.manifest.name

    @property
    def table(self) -> Path:
        """The Parquet twin."""
        return self.folder / f"{self.name}.parquet"

    @property
    def manifest_path(self) -> Path:
        """The manifest."""
        return manifest_in(self.folder, self.name)

    @property
    def is_intact(self) -> bool:
        """Every file is there with its size (an edit that keeps the size is found by the check `manifest_matches`)."""
        files = {self.folder / name: facts.bytes for name, facts in self.manifest.files.items()}
        return all(path.is_file() and path.stat().st_size == n_bytes for path, n_bytes in files.items())


def read_versions(layout: Layout) -> list[Version]:
    """All versions that can be read, the oldest first."""
    found = []
    for folder in _folders(layout):
        for path in folder.glob("*.manifest.json"):
            try:
                found.append(Version(int(folder.name), folder, read_manifest(path)))
            except StageError:
                continue  # damaged from outside: `find_version` says so when somebody asks for it
    return found


def find_table(layout: Layout, text: str) -> Path:
    """The table that a person means: `latest`, `previous`, a version's number, a .csv or .parquet file, or a folder of a version.

    Raises:
        UsageError: there is none such; says which there are.
    """
    versions = {version.number: version for version in read_versions(layout)}
    numbers = list(versions)
    if text in {"latest", "previous"}:
        wanted = numbers[-1:] if text == "latest" else numbers[-2:-1]
    else:
        wanted = [int(text)] if text.isdecimal() else []
    if wanted and wanted[0] in versions:
        return versions[wanted[0]].table
    path = Path(text)
    if path.suffix in {".csv", ".parquet"} and path.is_file():
        return path
    told = f"versions {numbers[0]} to {numbers[-1]}" if numbers else "no version"
    raise UsageError(f"{text!r} is no version and no .csv or .parquet file; {layout.versions} has {told}")


@contextmanager
def new_folder(layout: Layout) -> Iterator[Path]:
    """A folder to write a version into; removed at the end unless it was committed."""
    folder = draft_of(layout.versions / "new")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def next_number(layout: Layout) -> int:
    """The number of the next version."""
    return max((int(folder.name) for folder in _folders(layout)), default=0) + 1


def commit(layout: Layout, folder: Path, manifest: Manifest, previous: Version | None) -> Version:
    """Give a written folder its number (the manifest's), whole or not at all. Files as in `previous` share its bytes.

    Raises:
        StageError: another publication took the number meanwhile.
    """
    if previous is not None:
        _share(folder, manifest, previous)
    write_manifest(folder, manifest)
    target = layout.versions / f"{manifest.version:06}"
    try:
        folder.rename(target)
    except OSError as error:
        if not target.exists():
            raise
        raise StageError(f"another run published version {target.name} meanwhile: materialize training_csv again") from error
    fsync_folder(layout.versions)
    return Version(manifest.version, target, manifest)


def mend(version: Version, folder: Path, manifest: Manifest) -> Version:
    """Put newly written files, which have the bytes that its manifest names, into a version, and give it another manifest."""
    for name, facts in manifest.files.items():
        if not (version.folder / name).exists() or sha256_file(version.folder / name) != facts.sha256:
            (folder / name).replace(version.folder / name)
    write_manifest(version.folder, manifest)
    return Version(version.number, version.folder, manifest)


def show(layout: Layout, version: Version) -> None:
    """Make the files in `training/` those of `version`, the manifest last, and remove what else was published there before."""
    names = [*version.manifest.files, version.manifest_path.name]
    for name in version.manifest.files:
        _link(version.folder / name, layout.training / name)
    # A copy: whoever edits it must not edit the version's.
    text = version.manifest_path.read_text(encoding="utf-8")
    target = layout.training / version.manifest_path.name
    if not target.exists() or target.read_text(encoding="utf-8", errors="replace") != text:
        write_text(target, text)
    for path in layout.training.glob("*.manifest.json"):
        try:
            shown = set(read_manifest(path).files)
        except StageError:
            shown = set()
        for name in (shown | {path.name}) - set(names):
            (layout.training / name).unlink(missing_ok=True)
    _remove_unnamed(layout, set(names))
    fsync_folder(layout.training)


def prune(layout: Layout, *, keep: int) -> None:
    """Remove all but the last `keep` versions (at least one)."""
    folders = _folders(layout)
    for folder in folders[: max(0, len(folders) - max(1, keep))]:
        # Renamed first: a kill in the middle leaves a draft, not half a version.
        doomed = draft_of(folder)
        folder.rename(doomed)
        shutil.rmtree(doomed)


def remove_drafts(layout: Layout) -> None:
    """Remove what kills left behind. Call it under the lease `layout.versions_lease` only: then no draft is anybody's work."""
    for folder in layout.versions.glob("*"):
        if is_draft(folder.name):
            shutil.rmtree(folder)


def _remove_unnamed(layout: Layout, names: set[str]) -> None:
    """CSVs and tables of earlier versions that no manifest in `training/` names any more: a kill can leave one behind."""
    earlier = {name for version in read_versions(layout) for name in version.manifest.files}
    for name in earlier - names:
        (layout.training / name).unlink(missing_ok=True)


def _folders(layout: Layout) -> list[Path]:
    return sorted(folder for folder in layout.versions.glob("[0-9]*") if folder.name.isdecimal())


def _share(folder: Path, manifest: Manifest, previous: Version) -> None:
    known = previous.manifest.files if previous.is_intact else {}
    for name, facts in manifest.files.items():
        if name in known and known[name].sha256 == facts.sha256:
            _link(previous.folder / name, folder / name)


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source` at once; a copy where the file system has no hard links."""
    if target.exists() and (target.samefile(source) or _stamp(target) == _stamp(source)):
        return
    draft = draft_of(target)
    try:
        os.link(source, draft)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
    draft.replace(target)
    # Two links of one file stay as they are when one is renamed to the other.
    draft.unlink(missing_ok=True)
