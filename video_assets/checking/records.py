"""Checks and probes as records for people and scripts, in the order of the command line.

Every path that is named gives a record, and so does every folder below that cannot be read: what nobody looked at is not good.
Belongs here: what a command line names, and that shape. Does not belong here: decoding (`checking.check`), printing (`terminal`).
"""

import errno
import os
import stat
from collections.abc import Generator, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from video_assets.checking.check import ClipTask, Step, decode_clips, probe_clips
from video_assets.core.json_values import JsonObject
from video_assets.core.results import ClipProbe, ClipVerdict
from video_assets.core.units import shorten_middle
from video_assets.core.verdicts import Verdict
from video_assets.progress import Progress
from video_assets.settings.model import Decode
from video_assets.settings.sources import VIDEO_SUFFIXES

RecordVerdict = Verdict | Literal["unchecked", "no_clips"]
NOT_CHECKED = frozenset({"unreadable_now", "no_clips"})
_PASSED = frozenset({"good", "unchecked"})
_PATH_CHARS = 300  # of a path in a message; the record has it whole


@dataclass(frozen=True)
class NoClip:
    """A path at which there is no clip to look at: nothing there, a folder that cannot be read, or one without clips."""

    path: str
    verdict: Literal["unreadable_now", "no_clips"]
    trouble: str


@dataclass(frozen=True)
class ClipRecord:
    """What is known of one clip. Numbers are None where the file does not say.

    `verdict` is "good", "bad", "unreadable_now" (the storage did not deliver it: nothing is known), "timeout", "crashed" or
    "out_of_memory" when its worker came to no answer, or "no_clips" for a folder without any. After a probe it is "unchecked"
    instead of "good": that a container can be read says nothing about its frames.
    `reason` says what is wrong with a bad clip; `errors` are the first lines that FFmpeg said.
    """

    path: str
    verdict: RecordVerdict
    reason: str
    errors: tuple[str, ...]
    num_frames: int | None = None
    height: int | None = None
    width: int | None = None
    fps: float | None = None
    duration_s: float | None = None
    file_size: int | None = None

    @property
    def is_good(self) -> bool:
        """True when every frame decodes; a clip that nobody could look at is not good."""
        return self.verdict == "good"

    @property
    def as_json(self) -> JsonObject:
        """For one line of JSON."""
        return {**vars(self), "errors": list(self.errors)}


def exit_code(verdicts: AbstractSet[str]) -> int:
    """0: all passed. 1: all were looked at, and one is bad. 3: one could not be looked at, whatever the others are."""
    if verdicts & NOT_CHECKED:
        return 3
    return 1 if verdicts - _PASSED else 0


def clip_records(paths: Iterable[Path], *, step: Step, settings: Decode, progress: Progress) -> Generator[ClipRecord, None, None]:
    """One record per clip.

    A clip that was only probed is `unchecked`: that its container can be read says nothing about its frames. Paths without a clip
    have records too, `unreadable_now` or `no_clips`. On Ctrl-C all records that are done come out before it goes on.

    Raises:
        WorkerError: workers cannot start.
    """
    places = list_clips(paths)
    records = _InOrder(_name(place) for place in places)
    clips = [place for place in places if isinstance(place, ClipTask)]
    for place in places:
        if isinstance(place, NoClip):
            records.done[place.path] = _record_of_none(place)
    yield from records.ready()
    if not clips:
        return
    look = decode_clips if step == "decode" else probe_clips
    with progress(step, len(clips), "clips") as advance:
        try:
            for task, result in look(sorted(clips, key=lambda clip: -clip.cost), settings=settings):
                records.done[task.clip_key] = _record(task.clip_key, result)
                advance(1)
                yield from records.ready()
        except KeyboardInterrupt:
            yield from records.rest()
            raise


def list_clips(paths: Iterable[Path], *, suffixes: tuple[str, ...] = VIDEO_SUFFIXES) -> list[ClipTask | NoClip]:
    """Files as given and, for folders, all files below with one of the suffixes, sorted; each path once.

    Links to folders are followed, unless what they lead to is listed already.
    """
    found: dict[Path, ClipTask | NoClip] = {}
    for path in paths:
        for place in _places(path, suffixes):
            # Two dots must stay: beyond a symbolic link they lead elsewhere than the text says.
            found.setdefault(Path(_name(place)).absolute(), place)
    return list(found.values())


class _InOrder:
    """Records that are done, given out in the order of `names`, each as soon as those before it are done."""

    def __init__(self, names: Iterable[str]) -> None:
        self.done: dict[str, ClipRecord] = {}
        self._names = list(names)
        self._n_out = 0

    def ready(self) -> Iterator[ClipRecord]:
        while self._n_out < len(self._names) and (name := self._names[self._n_out]) in self.done:
            self._n_out += 1
            yield self.done.pop(name)

    def rest(self) -> Iterator[ClipRecord]:
        yield from (self.done[name] for name in self._names[self._n_out :] if name in self.done)


def _name(place: ClipTask | NoClip) -> str:
    return place.path if isinstance(place, NoClip) else place.clip_key


def _places(path: Path, suffixes: tuple[str, ...]) -> Iterator[ClipTask | NoClip]:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        yield _unreadable(path, error)
        return
    if not is_folder:
        yield _clip(path)
        return
    is_empty = True
    for place in _places_below(path, suffixes):
        is_empty = False
        yield place
    if is_empty:
        looked_for = ", ".join(suffixes)
        trouble = f"no clips in {_short(path)} (looked for {looked_for}); a file of another name is checked when you name it"
        yield NoClip(str(path), "no_clips", trouble)


def _places_below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[ClipTask | NoClip]:
    unread: list[OSError] = []
    known = {_identity(folder)}
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=unread.append):
        yield from _taken(unread)
        folders[:] = sorted(_unknown(parent, folders, known))
        for path in (Path(parent, name) for name in sorted(names)):
            if path.suffix.lower() in suffixes:
                yield _clip(path)
            elif not path.suffix and path.is_symlink():
                yield from _lost_folder(path)
    yield from _taken(unread)


def _taken(unread: list[OSError]) -> Iterator[NoClip]:
    while unread:
        error = unread.pop(0)
        yield _unreadable(Path(error.filename), error)


def _unknown(parent: str, folders: Iterable[str], known: set[tuple[int, int]]) -> Iterator[str]:
    """The folders without links to known ones, which would be loops or the same clips again."""
    for name in sorted(folders, key=lambda name: Path(parent, name).is_symlink()):
        path = Path(parent, name)
        try:
            identity = _identity(path)
        except OSError:  # its turn comes, and then it is said that it cannot be read
            yield name
            continue
        # Real folders make no loops, and some network file systems give two of them the same number.
        if identity not in known or not path.is_symlink():
            yield name
        known.add(identity)


def _lost_folder(link: Path) -> Iterator[NoClip]:
    """A link that leads nowhere and may mean a folder, on a disk that is not there."""
    try:
        link.stat()
    except OSError as error:
        yield _unreadable(link, error)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _clip(path: Path) -> ClipTask | NoClip:
    try:
        size = float(path.stat().st_size)
    except OSError as error:
        # Waiting and asking again, as for storage that fails, would not bring a link's target back.
        if error.errno in {errno.ENOENT, errno.ELOOP} and path.is_symlink():
            return _unreadable(path, error)
        size = 0.0
    return ClipTask(clip_key=str(path), path=str(path.absolute()), cost=size)


def _unreadable(path: Path, error: OSError) -> NoClip:
    return NoClip(str(path), "unreadable_now", f"{error.strerror}: {_short(path)}")


def _short(path: Path) -> str:
    return shorten_middle(str(path), _PATH_CHARS)


def _record_of_none(place: NoClip) -> ClipRecord:
    return ClipRecord(path=place.path, verdict=place.verdict, reason="", errors=(place.trouble,))


def _record(path: str, result: ClipVerdict | ClipProbe) -> ClipRecord:
    verdict, reason, lines = _judged(result)
    return ClipRecord(
        path=path,
        verdict=verdict,
        reason=reason,
        errors=tuple(lines.splitlines()),
        num_frames=result.num_frames,
        height=result.height,
        width=result.width,
        fps=result.fps,
        duration_s=result.duration_s,
        file_size=result.file_size,
    )


def _judged(result: ClipVerdict | ClipProbe) -> tuple[RecordVerdict, str, str]:
    """Verdict, reason and words; a container that can be read is unchecked."""
    if isinstance(result, ClipVerdict):
        return result.verdict, result.reason, result.errors
    if result.probe_status in {"ok", "unreadable_now"}:
        return ("unchecked" if result.probe_status == "ok" else "unreadable_now"), "", result.probe_detail
    return "bad", result.probe_status, result.probe_detail
