"""Shards of WebDataset among the user's own clips: unpacked once into the data root, then listed as folders called like the tar.

Belongs here: which shards are due, and their clips in a scan. Does not belong here: reading tar files (`sources.webdataset`).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from video_assets.core.units import count, size
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.scan import Scan, scan_folder
from video_assets.sources.own_clips.sidecars import SUFFIXES
from video_assets.sources.own_clips.statuses import FOLDER_MARK, Finding
from video_assets.sources.webdataset.unpack import Unpacked, read_note, unpack
from video_assets.storage.space import explained_space, require_space

_RULES = 1  # of unpacking: a new number unpacks every shard again


class Due(NamedTuple):
    """A shard that must be unpacked: its name below the clips folder, the state that it will have then, its bytes."""

    name: str
    state: str
    n_bytes: int


def due_shards(settings: OwnClips, scan: Scan, store: Path, *, now_ns: int) -> list[Due]:
    """Shards that are new or were replaced; those that may still be written are noted in `scan` as waiting.

    Raises:
        OSError: the storage failed.
    """
    due = []
    for name, (_, _, n_bytes, mtime_ns) in sorted(scan.shards.items()):
        if n_bytes is None or mtime_ns is None:
            continue
        state = f"{n_bytes}-{mtime_ns}-{_RULES}-{','.join(sorted(settings.suffixes))}"
        note = read_note(store / name)
        if note is not None and note.state == state:
            continue
        if 0 <= now_ns - mtime_ns < settings.settle_s * 1e9:
            detail = f"the shard changed less than {settings.settle_s:g} s before it was listed"
            scan.faults[name + FOLDER_MARK] = Finding("still_being_copied", detail, n_bytes, mtime_ns)
            continue
        due.append(Due(name, state, n_bytes))
    return due


def unpack_shards(settings: OwnClips, due: list[Due], store: Path, *, info: Callable[[str], None]) -> None:
    """Unpack each shard into a folder of its name below `store`; what was unpacked of it before is replaced.

    Raises:
        NoSpaceError: the disk is too small; the shards before this one are unpacked.
        OSError: the storage failed.
    """
    for number, shard in enumerate(due, start=1):
        purpose = f"unpacking {shard.name}"
        require_space(store, shard.n_bytes, purpose=purpose)
        store.mkdir(parents=True, exist_ok=True)
        with explained_space(store, purpose=purpose):
            done = unpack(
                Path(settings.folder or "", shard.name),
                store / shard.name,
                state=shard.state,
                clip_suffixes=frozenset(settings.suffixes),
                caption_suffixes=frozenset(SUFFIXES),
            )
        told = "; ".join(f"{name or shard.name}: {detail}" for name, (_, detail) in list(done.faults.items())[:3])
        info(
            f"unpacked {shard.name} ({number:,} of {len(due):,}, {size(shard.n_bytes)}): {count(done.n_clips, 'clips')}"
            + (f"; {len(done.faults):,} faults, first {told}" if told else "")
        )


def add_unpacked(settings: OwnClips, scan: Scan, store: Path) -> None:
    """Add the clips of every shard that is unpacked to `scan`, under `SHARD.tar/`, with what a user should know of them.

    Raises:
        OSError: the storage failed.
    """
    notes = {name: note for name in sorted(scan.shards) if (note := read_note(store / name)) is not None}
    for name, note in notes.items():
        _add(settings, scan, store, name, note)
    if notes:
        n_clips, n_bare = sum(note.n_clips for note in notes.values()), sum(note.n_without_caption for note in notes.values())
        n_others, n_faults = sum(note.n_others for note in notes.values()), sum(len(note.faults) for note in notes.values())
        scan.notes.append(
            f"shards of WebDataset: {len(notes):,} with {count(n_clips, 'clips')} ({n_bare:,} without a caption in the shard; "
            f"{n_others:,} members that are neither clip nor caption; {n_faults:,} faults), unpacked into {store}"
        )
    if n_left := len(scan.shards) - len(notes):
        scan.notes.append(f"shards of WebDataset that are not unpacked yet: {n_left:,}; a run unpacks them")


def _add(settings: OwnClips, scan: Scan, store: Path, name: str, note: Unpacked) -> None:
    folder = store / name
    inside = scan_folder(folder, suffixes=settings.suffixes, ignore=(), is_with_sidecars=settings.captions is None)
    scan.unpacked[name] = os.fspath(folder)
    scan.clips.add_below(name, inside.clips)
    scan.faults |= {f"{name}/{below}": finding for below, finding in inside.faults.items()}
    scan.sidecars |= {f"{name}/{b}": s._replace(name=f"{name}/{s.name}") for b, s in inside.sidecars.items()}
    scan.faults |= {f"{name}/{member}": Finding(reason, detail) for member, (reason, detail) in note.faults.items()}
