"""Files of clips that are taken down: deleted together with the caption files beside them.

Belongs here: deleting, and what became of each file. Does not belong here: which clips, and the order of a take-down
(`takedown.take_down`), which caption files are a clip's (`sources.own_clips.used_sidecars`).
"""

import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from video_assets.core.text import escape, unescape
from video_assets.publish.product_files import sha256_file
from video_assets.sources.own_clips.used_sidecars import UsedSidecars
from video_assets.takedown.outcome import FoundClip, Removal

NOT_OURS = frozenset({"outside_root", "not_a_file", "symlink_loop", "url", "empty_path"})
"""Reasons of rows that are about a file that was never a clip of ours."""
_ELSEWHERE = (
    "it lies outside of the folders where clips may lie by the settings of now (the data root, own_clips.folder, own_clips.root, "
    "the folder of own_clips.captions), so it was not touched: set them as they were and run the same command again, or delete "
    "it yourself with the caption files beside it"
)


def place_of(clip: FoundClip, roots: Sequence[Path]) -> Path | None:
    """Where the clip's file is, or was; None when that is not below one of `roots`, where clips may lie."""
    path = _path_of(clip)
    return path if path is not None and any(path.is_relative_to(root) for root in roots) else None


def is_elsewhere(clip: FoundClip, roots: Sequence[Path]) -> bool:
    """The clip's file is there, and not below one of `roots`, as after another `own_clips.folder`: it is not touched."""
    path = _path_of(clip)
    return path is not None and place_of(clip, roots) is None and os.path.lexists(path)


def _path_of(clip: FoundClip) -> Path | None:
    """The path that its row names; None when that was never a clip of ours."""
    if not clip.path or clip.reason in NOT_OURS:
        return None
    # An escaped name may be spelled like another file's.
    name = unescape(clip.path) if clip.reason == "unsupported_name" else clip.path
    return Path(os.path.abspath(name))  # noqa: PTH100 - resolve() would follow symbolic links


def remove_files(
    clips: Sequence[FoundClip], *, roots: Sequence[Path], suffixes: tuple[str, ...], tables: Collection[Path] = ()
) -> list[Removal]:
    """Delete the clips' files and the caption files beside them, and say what became of each, in the same order.

    A caption file of another clip, too, stays when that clip is there and stays.

    Args:
        clips: all that go.
        roots: the folders where clips may lie.
        suffixes: endings of clips.
        tables: captions tables, which stay.
    """
    places = {clip.clip_key: path for clip in clips if (path := place_of(clip, roots)) is not None}
    sidecars = UsedSidecars(places.values(), suffixes, tables=tables)
    links = {path: target for path in places.values() if (target := _target(path))}
    done: dict[Path, Removal] = {}
    removals = []
    for clip in clips:
        path = places.get(clip.clip_key)
        if is_elsewhere(clip, roots):
            removals.append(Removal(clip, "failed", _ELSEWHERE))
        elif path is None:
            removals.append(Removal(clip, "not ours", detail="the file does not lie where clips may lie"))
        elif path in done:  # a further row of the same file
            removals.append(replace(done[path], clip=clip, n_bytes=0, sidecars=(), shared_sidecars=()))
        else:
            done[path] = _remove(clip, path, sidecars)
            removals.append(done[path])
    # Only now is it known which targets are still there.
    left = {path: target for path, target in links.items() if target.exists()}
    return [_with_target(removal, left.get(places.get(removal.clip.clip_key, Path()))) for removal in removals]


def _target(path: Path) -> Path | None:
    """Where a symbolic link leads; None when it is none, or leads nowhere."""
    return Path(os.path.realpath(path)) if path.is_symlink() and path.exists() else None


def _with_target(removal: Removal, target: Path | None) -> Removal:
    if target is None or removal.outcome != "removed":
        return removal
    return replace(removal, detail=f"it was a symbolic link; its target is still there: {escape(str(target))}")


def _remove(clip: FoundClip, path: Path, sidecars: UsedSidecars) -> Removal:
    """Caption files go first: killed in between, the clip is still there, and the same request finds them again."""
    n_bytes, sha256 = _size_and_hash(path)
    deleted, shared, problems = _remove_sidecars(path, sidecars)
    is_there = False
    try:
        is_there = _unlink(path)
    except OSError as error:
        problems.append(error.strerror or str(error))
    outcome = "failed" if problems else "removed" if is_there else "was gone already"
    return Removal(clip, outcome, "; ".join(problems), n_bytes, sha256, sidecars=tuple(deleted), shared_sidecars=tuple(shared))


def _remove_sidecars(path: Path, sidecars: UsedSidecars) -> tuple[list[str], list[str], list[str]]:
    """Names of those deleted, sentences about those that stay for another clip, and what went wrong."""
    deleted, shared, problems = [], [], []
    try:
        for sidecar in sidecars.of(path):
            if sidecar.user is not None:
                shared.append(escape(f"{sidecar.path} is the caption of {sidecar.user.name}, too, which stays"))
                continue
            try:
                _unlink(sidecar.path)
                deleted.append(escape(sidecar.path.name))
            except OSError as error:
                problems.append(f"{escape(sidecar.path.name)}: {error.strerror or error}")
    except OSError as error:
        problems.append(f"its caption files cannot be looked for: {error.strerror or error}")
    return deleted, shared, problems


def _size_and_hash(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file, as far as it can be read: it is deleted all the same."""
    n_bytes = 0
    try:
        found = path.stat()
        n_bytes = found.st_size
        return n_bytes, sha256_file(path) if stat.S_ISREG(found.st_mode) else ""
    except OSError:
        return n_bytes, ""


def _unlink(path: Path) -> bool:
    """Delete a file, or a link; False when there was none.

    Raises:
        OSError: it is still there.
    """
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
