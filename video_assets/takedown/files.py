"""Files of clips that are taken down: deleted together with the caption files beside them.

Belongs here: deleting, and what became of each file. Does not belong here: which clips, and the order of a take-down
(`takedown.take_down`), which caption files are a clip's (`sources.own_clips.sidecars`).
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from video_assets.publish.product_files import sha256_file
from video_assets.sources.own_clips.sidecars import sidecars_of
from video_assets.takedown.outcome import FoundClip, Removal

# A row that says so is about a file that was never a clip of ours.
_NOT_OURS = frozenset({"outside_root", "not_a_file", "symlink_loop", "url", "empty_path"})


def place_of(clip: FoundClip, roots: Sequence[Path]) -> Path | None:
    """Where the clip's file is, or was; None when that is not below one of `roots`, where clips may lie."""
    path = Path(os.path.abspath(clip.path))  # noqa: PTH100 - resolve() would follow symbolic links
    is_ours = clip.path and clip.reason not in _NOT_OURS and any(path.is_relative_to(root) for root in roots)
    return path if is_ours else None


def remove_files(clips: Sequence[FoundClip], *, roots: Sequence[Path]) -> list[Removal]:
    """Delete the clips' files and the caption files beside them, and say what became of each, in the same order."""
    removals = []
    for clip in clips:
        if (path := place_of(clip, roots)) is None:
            removals.append(Removal(clip, "not ours", detail="the file does not lie where clips may lie"))
        else:
            removals.append(_remove(clip, path))
    return removals


def _remove(clip: FoundClip, path: Path) -> Removal:
    """Caption files go first: killed in between, the clip is still there, and the same request finds them again."""
    link = f"it was a symbolic link; its target is still there: {path.resolve()}" if path.is_symlink() else ""
    n_bytes, sha256 = _size_and_hash(path)
    deleted, problems = [], []
    is_there = False
    for sidecar in sidecars_of(path):
        try:
            if sidecar.is_file() and _unlink(sidecar):
                deleted.append(sidecar.name)
        except OSError as error:
            problems.append(f"{sidecar.name}: {error.strerror or error}")
    try:
        is_there = _unlink(path)
    except OSError as error:
        problems.append(error.strerror or str(error))
    outcome = "failed" if problems else "removed" if is_there else "was gone already"
    detail = "; ".join(problems) or (link if is_there else "")
    return Removal(clip, outcome, detail=detail, n_bytes=n_bytes, sha256=sha256, sidecars=tuple(deleted))


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
