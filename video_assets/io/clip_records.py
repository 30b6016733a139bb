"""Checks and probes as records for people and scripts, in the order of the command line.

Belongs here: that shape. Does not belong here: decoding (`io.checking`), printing (`terminal`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from video_assets.io.checking import Step, check_clips, list_clips
from video_assets.io.progress import Progress
from video_assets.settings import Decode

_NUMBERS = ("num_frames", "height", "width", "fps", "duration_s", "file_size")


def clip_records(paths: Iterable[Path], *, step: Step, settings: Decode, progress: Progress) -> Iterator[dict[str, Any]]:
    """One record per clip: path, verdict, reason, errors (lines), num_frames, height, width, fps, duration_s, file_size (bytes).

    A clip that was only probed is `unchecked`: that its container can be read says nothing about its frames.

    Raises:
        FileNotFoundError: nothing at one of the paths.
        WorkerError: workers cannot start.
    """
    clips = list_clips(paths)
    done: dict[str, dict[str, Any]] = {}
    waiting = iter(clips)
    following = next(waiting, None)
    with progress(step, len(clips), "clips") as advance:
        for task, row in check_clips(step, sorted(clips, key=lambda clip: -clip.cost), settings=settings):
            done[task.clip_key] = _record(task.clip_key, row)
            advance(1)
            while following is not None and following.clip_key in done:
                yield done.pop(following.clip_key)
                following = next(waiting, None)


def _record(path: str, row: dict[str, Any]) -> dict[str, Any]:
    if "probe_status" in row:
        verdict = {"ok": "unchecked", "unreadable_now": "unreadable_now"}.get(row["probe_status"], "bad")
        reason, errors = ("" if verdict == "unchecked" else row["probe_status"]), row["probe_detail"]
    else:
        verdict, reason, errors = row["verdict"], row["reason"], row["errors"]
    numbers = {name: row[name] for name in _NUMBERS}
    return {"path": path, "verdict": verdict, "reason": reason, "errors": errors.splitlines(), **numbers}
