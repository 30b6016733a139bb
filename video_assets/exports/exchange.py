"""One export in the place of another: killed anywhere, one of them is there, and what others put into the old one moves on.

Trainers cache hours of work in the folder that they read, beside our files and between them. An export knows what it made
(its manifest, and `MADE`); everything else is somebody else's.
Belongs here: renames. Does not belong here: writing an export (`exports.export`, `exports.output`).
"""

import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from video_assets.core.errors import UsageError
from video_assets.exports.output import MADE
from video_assets.storage.durable import fsync_folder, write_text

MANIFEST = "export.manifest.json"


MOVED_ON = "moved_on_from"
"""In the manifest: from which tables the exports were whose files of other programs lie here now."""


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """What an export says of itself."""
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def read_export(folder: Path) -> dict[str, Any] | None:
    """The manifest of what is exported at `folder`; None when nothing is there.

    Raises:
        UsageError: something is there that no export made.
    """
    if not os.path.lexists(folder):
        return None
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(
            f"{folder} is there and was not made by an export (it has no readable {MANIFEST}): move it away, or remove it"
        ) from None


def has_made(folder: Path, *, but: Collection[str] = ()) -> bool:
    """True when every file that `MADE` names, `but` these, is in the folder; looks at names, opens nothing else.

    Takes eight bytes for each: there may be millions. What trainers put beside them is not looked at.
    """
    if not (folder / MADE).exists():
        return True  # the manifest of an export that has noted them names this file too
    made = _hashes(name for name in _names_in(folder / MADE) if name not in but)
    folders = {name.rpartition("/")[0] for name in _names_in(folder / MADE)}
    there = _hashes(f"{inside}/{name}".lstrip("/") for inside in folders for name in _names_at(folder / inside))
    return bool(np.isin(made, there).all())


def _names_in(made: Path) -> Iterator[str]:
    with made.open(encoding="utf-8") as lines:
        yield from (line.rstrip("\n") for line in lines)


def _names_at(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries)


def _hashes(names: Iterable[str]) -> npt.NDArray[np.uint64]:
    return np.fromiter((xxhash.xxh3_64_intdigest(os.fsencode(name)) for name in names), np.uint64)


def swap(draft: Path, folder: Path) -> None:
    """The draft becomes the export. What the old one did not make moves on to the new one."""
    if os.path.lexists(folder):
        folder.rename(_old(folder))
        draft.rename(folder)
        _clear(_old(folder), folder)
    else:
        draft.rename(folder)
    fsync_folder(folder.parent)


def recover(folder: Path) -> None:
    """Tidy up what a kill left: an exchange goes on or is undone, drafts go. The export's lease must be held.

    Raises:
        UsageError: what was being exchanged was not made by an export.
    """
    old = _old(folder)
    if old.exists():
        if folder.exists():
            _clear(old, folder)
        else:
            old.rename(folder)
    # Exactly this target's: another target's name may go on where this one ends.
    ours = re.compile(re.escape(f".draft-{folder.name}-") + r"\d+-[0-9a-f]{8}")
    for path in folder.parent.glob(".draft-*"):
        if ours.fullmatch(path.name):
            shutil.rmtree(path)


def _old(folder: Path) -> Path:
    return folder.with_name(f".old-{folder.name}")


def _clear(old: Path, folder: Path) -> None:
    """Remove the old export once everything in it that it did not make lies in the new one."""
    # Without a manifest, a removal was killed; what was to be moved had been moved before it began.
    if (old / MANIFEST).exists():
        _move_on(old, folder)
    shutil.rmtree(old)


def _move_on(old: Path, folder: Path) -> None:
    manifest = read_export(old) or {}
    has_names = (old / MADE).exists()
    # Before exports noted what they made, all that lay in a folder of theirs counted as made.
    ours = {MANIFEST, MADE} if has_names else {*manifest["entries"]}
    for name in _made(old, manifest) if has_names else ():
        (old / name).unlink(missing_ok=True)
    for number, path in enumerate(path for path in _others(old, folder) if path.parts[0] not in ours):
        if not number:
            _note_origins(folder, manifest)
        (old / path).rename(folder / path)


def tables_in(manifest: dict[str, Any]) -> set[tuple[int | None, str | None]]:
    """Version and table (SHA-256) of all rows that an export may hold something of: its own, those of a cache that moved on."""
    return {(made.get("version"), made.get("table_sha256")) for made in [manifest, *manifest.get(MOVED_ON, ())]}


def _note_origins(folder: Path, old: dict[str, Any]) -> None:
    """Before anything of another program moves on: from which tables it can be."""
    new = read_export(folder) or {}
    origins = tables_in(old) | tables_in(new)
    new[MOVED_ON] = [{"version": version, "table_sha256": sha256} for version, sha256 in sorted(origins, key=str)]
    write_manifest(folder, new)


def _made(old: Path, manifest: dict[str, Any]) -> Iterator[str]:
    """Files that the export made; without those that say so, which are needed until the end."""
    yield from (name for name in manifest["files"] if name != MADE)
    yield from _names_in(old / MADE)


def _others(old: Path, folder: Path) -> Iterator[Path]:
    """Files, and folders as a whole, that the new export does not have, relative."""
    for base, folders, files in os.walk(old):
        inside = Path(base).relative_to(old)
        whole = [name for name in folders if not os.path.lexists(folder / inside / name)]
        folders[:] = [name for name in folders if name not in whole]
        yield from (inside / name for name in [*whole, *files] if not os.path.lexists(folder / inside / name))
