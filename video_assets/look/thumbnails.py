"""Small pictures of clips, made when they are asked for, in worker processes: a clip is hostile.

Belongs here: the queue to the workers, the pictures on disk and how many. Does not belong here: which frame (`media.thumbnails`).
"""

import base64
import io
import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import xxhash
from PIL import Image

from video_assets.checking.check import WORK
from video_assets.core.results import Thumbnail
from video_assets.settings.model import Settings
from video_assets.storage.durable import durable_write
from video_assets.storage.layout import Layout
from video_assets.workers.cpus import cpu_count
from video_assets.workers.pool import Limits, Outcome, Task, WorkerError, WorkerPool

BOXES = {"small": (384, 216), "large": (1280, 720)}
_TIMEOUT_S = 30.0
_BATCH = 8
_MAX_TROUBLES = 4096
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """JPEG bytes; or, when they are empty, why there are none."""

    jpeg: bytes
    trouble: str = ""


class Pictured(TypedDict):
    """A clip, its file, and what tells whether the file is still the one that a picture was made of."""

    clip_key: str
    path: str
    file_size: int | None
    mtime_ns: int | None


@dataclass(frozen=True)
class _Wanted:
    path: str
    box: tuple[int, int]
    place: Path
    future: "Future[Picture]"


class Thumbnails:
    """Pictures by clip; kept below the data root up to a number and a size, the oldest go first."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._root, self._folder = layout.root, layout.thumbnails
        self._max_files, self._max_bytes = settings.look.max_thumbnails, settings.look.max_thumbnails_mib << 20
        self._memory_bytes = settings.decode.memory_mib << 20
        self._n_workers = min(cpu_count(), settings.decode.workers or cpu_count())
        self._queue: queue.SimpleQueue[_Wanted | None] = queue.SimpleQueue()
        self._troubles: OrderedDict[Path, str] = OrderedDict()
        self._files = self._bytes = -1
        self._can_write = True
        self._thread = threading.Thread(target=self._work, name="look-thumbnails", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the workers."""
        self._queue.put(None)
        self._thread.join(timeout=_TIMEOUT_S)

    def picture(self, clip: Pictured, size: str) -> "Future[Picture]":
        """A picture of a clip, from the disk or from a worker."""
        future: Future[Picture] = Future()
        box = BOXES[size]
        named = f"{clip['clip_key']}\n{clip['file_size']}\n{clip['mtime_ns']}\n{box}"
        name = xxhash.xxh3_128_hexdigest(named.encode("utf-8", "surrogateescape"))
        place = self._folder / name[:2] / f"{name}.jpg"
        if trouble := self._troubles.get(place):
            future.set_result(Picture(b"", trouble))
            return future
        try:
            future.set_result(Picture(place.read_bytes()))
        except OSError:
            self._queue.put(_Wanted(clip["path"], box, place, future))
        return future

    def _work(self) -> None:
        limits = Limits(timeout_s=_TIMEOUT_S, cpu_s=_TIMEOUT_S, memory_bytes=self._memory_bytes)
        with WorkerPool(WORK, n_workers=self._n_workers, limits=limits) as pool:
            while (first := self._queue.get()) is not None:
                wanted, is_last = self._batch(first)
                self._make(pool, wanted)
                if is_last:
                    return

    def _batch(self, first: _Wanted) -> tuple[dict[str, _Wanted], bool]:
        wanted = [first]
        while len(wanted) < _BATCH and not self._queue.empty():
            more = self._queue.get()
            if more is None:
                return {str(number): each for number, each in enumerate(wanted)}, True
            wanted.append(more)
        return {str(number): each for number, each in enumerate(wanted)}, False

    def _make(self, pool: WorkerPool, wanted: dict[str, _Wanted]) -> None:
        tasks = [
            Task(id=name, kwargs={"step": "thumbnail", "path": each.path, "width_px": each.box[0], "height_px": each.box[1]})
            for name, each in wanted.items()
        ]
        try:
            for outcome in pool.run(tasks):
                each = wanted.pop(outcome.id)
                picture = _picture(outcome)
                self._keep(each.place, picture)
                each.future.set_result(picture)
        except (WorkerError, OSError) as error:
            log.warning("thumbnails: %s", error)
            for each in wanted.values():
                each.future.set_result(Picture(b"", f"no worker could start: {error}"))

    def _keep(self, place: Path, picture: Picture) -> None:
        if picture.trouble:
            self._troubles[place] = picture.trouble
            if len(self._troubles) > _MAX_TROUBLES:
                self._troubles.popitem(last=False)
            return
        if not self._can_write or not self._root.is_dir():  # a data root that is away is not made anew
            return
        try:
            with durable_write(place) as file:
                file.write(picture.jpeg)
            self._bound(len(picture.jpeg))
        except OSError as error:
            self._can_write = False
            log.warning("thumbnails are not kept: %s", error)

    def _bound(self, n_bytes: int) -> None:
        """Let the oldest tenth go when there are too many."""
        if self._files < 0 or self._files >= self._max_files or self._bytes + n_bytes > self._max_bytes:
            self._files, self._bytes = _trim(self._folder, max_files=self._max_files, max_bytes=self._max_bytes)
            return
        self._files, self._bytes = self._files + 1, self._bytes + n_bytes


def _trim(folder: Path, *, max_files: int, max_bytes: int) -> tuple[int, int]:
    """Files and bytes that are left, of which neither is above nine tenths of what is allowed once it was above."""
    found = sorted(_found(folder))
    n_files, n_bytes = len(found), sum(size for _, size, _ in found)
    if n_files < max_files and n_bytes < max_bytes:
        return n_files, n_bytes
    for _, size, file in found:
        if n_files <= max_files * 9 // 10 and n_bytes <= max_bytes * 9 // 10:
            break
        file.unlink(missing_ok=True)
        n_files, n_bytes = n_files - 1, n_bytes - size
    return n_files, n_bytes


def _found(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """Time, bytes and path of each picture; another server of the same data root may remove one meanwhile."""
    for file in folder.glob("*/*.jpg"):
        with suppress(FileNotFoundError):
            status = file.stat()
            yield status.st_mtime_ns, status.st_size, file


def _picture(outcome: Outcome) -> Picture:
    if outcome.result is None:
        return Picture(b"", f"{outcome.status.replace('_', ' ')} {outcome.detail}".strip())
    made = Thumbnail.from_json(outcome.result)
    if made.trouble:
        return Picture(b"", made.trouble)
    image = Image.frombytes("RGB", (made.width, made.height), base64.b64decode(made.rgb))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82, optimize=True)
    return Picture(out.getvalue())
