"""Whether something changed among the user's own clips, at the price of a look at each folder, not at each file.

A folder's modification time changes when a name in it comes, goes or is replaced; only folders where it did are read again. What
was seen lies in a small file beside the ledger, so a look may end when its time is up, and the next one goes on from there. A
file that grows, or is written over in place, changes no folder: the first is listed as waiting and asked for again here, the
second is found by the nightly listing.
Belongs here: noticing. Does not belong here: what is a clip (`sources.own_clips.scan`, `sources.own_clips.listing`), who starts a
run (`defs.own_clips`).
"""

import errno
import heapq
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from video_assets.core.errors import SourceError
from video_assets.settings.sources import OwnClips
from video_assets.sources.own_clips.caption_tables import tables_named
from video_assets.storage.durable import hash_file, write_text
from video_assets.storage.layout import Layout

BUDGET_S = 5.0
_MIN_QUIET_S = 2.0  # some storages tell modification times in whole seconds
_MAX_PATIENCE_S = 300.0  # files that never stop arriving are taken in anyway
_MAX_WAITING = 1000
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)  # gone, or a fault that is listed


@dataclass(frozen=True)
class News:
    """What a look came to: the key of the run to start, or (key empty) why none is needed; `seen` is for the next look."""

    run_key: str
    reason: str
    seen: str


@dataclass
class _Memory:
    """What earlier looks saw. `folders`: by name (below the clips folder, with a slash at the end) mtime and subfolders."""

    root: str = ""
    folders: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    position: str | None = None
    ledger_mtime_ns: int = 0
    ledger_hash: str = ""
    waiting: list[str] = field(default_factory=list)
    restless_since_s: float = 0.0


def look_for_news(layout: Layout, settings: OwnClips, *, last: str, budget_s: float = BUDGET_S) -> News:
    """Look at the clips folder and the captions table; `last` is what the look before returned as `seen`.

    The same state of the folders gives the same run key, whoever asks and how often.
    """
    memory = _load(layout, settings)
    before = json.dumps(asdict(memory))
    try:
        gone = _look(layout, settings, memory, deadline_s=time.monotonic() + budget_s)
        news = News("", gone, last) if gone else _judge(layout, settings, memory, last)
    except SourceError as error:
        news = News("", f"{error}; nothing is taken in until then", last)
    except OSError as error:
        memory.position = None
        where = error.filename or settings.folder or settings.captions
        news = News(
            "",
            f"{where}: {error.strerror or error}; is its disk mounted? Nothing is taken in until it is back, no clip is dropped",
            last,
        )
    if json.dumps(asdict(memory)) != before:
        write_text(layout.own_clips_watch, json.dumps(asdict(memory)) + "\n")
    return news


def _load(layout: Layout, settings: OwnClips) -> _Memory:
    root = f"{settings.folder}/"
    try:
        memory = _Memory(**json.loads(layout.own_clips_watch.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return _Memory(root)
    return memory if memory.root == root else _Memory(root)


def _look(layout: Layout, settings: OwnClips, memory: _Memory, *, deadline_s: float) -> str:
    """Bring `memory` up to date as far as the time allows; returns why the look cannot be judged, "" when it can."""
    if settings.folder is None:
        return ""
    todo = [name for name in memory.folders if memory.position is None or name > memory.position] or [""]
    heapq.heapify(todo)
    while todo:
        if time.monotonic() > deadline_s:
            n_left = len(todo)
            return f"{n_left:,} of {len(memory.folders):,} folders are still to be looked at; the next look goes on from there"
        memory.position = heapq.heappop(todo)
        for name in _visit(layout, settings, memory, memory.position):
            heapq.heappush(todo, name)
    memory.position = None
    if not memory.folders[""][1] and layout.ledger("own_clips").exists() and not any(settings.folder.iterdir()):
        return f"{settings.folder} is empty now, though clips were listed there; is its disk mounted? No clip is dropped"
    return ""


def _visit(layout: Layout, settings: OwnClips, memory: _Memory, name: str) -> list[str]:
    """Look at one folder; returns its subfolders that were not known before."""
    path = f"{settings.folder}/{name}"
    try:
        mtime_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - text, not a path: there are many
        if memory.folders.get(name, (0, []))[0] == mtime_ns:
            return []
        with os.scandir(path) as entries:
            found = sorted(f"{name}{entry.name}/" for entry in entries if _is_watched(entry, layout, memory, name))
    except OSError as error:
        if not name or error.errno not in _NO_FOLDER:
            raise
        memory.folders.pop(name, None)
        return []
    memory.folders[name] = (mtime_ns, found)
    new = [child for child in found if child not in memory.folders]
    memory.folders.update((child, (0, [])) for child in new)
    return new


def _is_watched(entry: os.DirEntry[str], layout: Layout, memory: _Memory, parent: str) -> bool:
    """True for folders, and for links to folders that are not watched under another name."""
    if entry.name.startswith(".") or entry.path == str(layout.root):
        return False
    if not entry.is_symlink():
        return entry.is_dir(follow_symlinks=False)
    if not entry.is_dir():
        return False
    name, target = f"{parent}{entry.name}/", os.path.realpath(entry.path)
    is_above = os.path.realpath(memory.root).startswith(target)
    if is_above or memory.links.get(target, name) != name:
        return False
    memory.links[target] = name
    return True


def _judge(layout: Layout, settings: OwnClips, memory: _Memory, last: str) -> News:
    now_ns = time.time_ns()
    state, changed_ns = _state(settings, memory)
    n_arriving, has_settled = _waiting(layout, settings, memory, now_ns)
    last_ledger = last.partition(":")[2]
    seen = f"{state}:{memory.ledger_hash if has_settled else last_ledger}"
    if seen == last:
        memory.restless_since_s = 0.0
        if n_arriving:
            return News(
                "", f"{n_arriving:,} clips are still being copied, first {memory.waiting[0]}; they are taken when done", last
            )
        return News("", f"nothing new: {len(memory.folders):,} folders looked at", last)
    memory.restless_since_s = memory.restless_since_s or now_ns / 1e9
    silent_s, quiet_s = (now_ns - changed_ns) / 1e9, max(settings.settle_s, _MIN_QUIET_S)
    if 0 <= silent_s < quiet_s and now_ns / 1e9 - memory.restless_since_s < _MAX_PATIENCE_S:
        return News("", f"files came or went {silent_s:.0f} s ago; waiting until it is quiet for {quiet_s:.0f} s", last)
    memory.restless_since_s = 0.0
    if not last and not n_arriving and not has_settled and _is_listed(layout, settings, changed_ns):
        return News("", "nothing has come or gone since the last listing", seen)
    return News(f"own_clips-{seen}", "", seen)


def _is_listed(layout: Layout, settings: OwnClips, changed_ns: int) -> bool:
    """At the first look: all that was seen is older than the listing by `settle_s`, and later tables were made from that."""
    made = [_mtime_ns(path) for path in (layout.ledger("own_clips"), layout.enriched_metadata, layout.size_filtered)]
    is_in_order = 0 < made[0] <= made[1] <= made[2]
    return is_in_order and changed_ns < made[0] - settings.settle_s * 1e9 and _mtime_ns(layout.settings) <= made[0]


def _mtime_ns(path: Path) -> int:
    """0 when there is nothing."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _state(settings: OwnClips, memory: _Memory) -> tuple[str, int]:
    """A short name for what all folders and the captions table look like, and the time of the last change, ns since 1970."""
    moments = sorted((name, mtime_ns) for name, (mtime_ns, _) in memory.folders.items())
    for table in tables_named(settings.captions) if settings.captions is not None else ():
        found = table.stat()
        moments.append((f"{table} {found.st_size}", found.st_mtime_ns))
    return xxhash.xxh3_64_hexdigest(json.dumps(moments).encode()), max(mtime_ns for _, mtime_ns in moments)


def _waiting(layout: Layout, settings: OwnClips, memory: _Memory, now_ns: int) -> tuple[int, bool]:
    """How many clips the last listing left waiting that still are, and whether one of them is done now."""
    ledger = layout.ledger("own_clips")
    if ledger.exists() and ledger.stat().st_mtime_ns != memory.ledger_mtime_ns:
        memory.ledger_mtime_ns = ledger.stat().st_mtime_ns
        memory.ledger_hash, memory.waiting = hash_file(ledger), _paths_waiting(ledger)
    n_done = sum(_is_quiet(path, now_ns, settings.settle_s) for path in memory.waiting)
    return len(memory.waiting) - n_done, n_done > 0


def _paths_waiting(ledger: Path) -> list[str]:
    import pyarrow.parquet as pq

    rows: Any = pq.read_table(ledger, columns=["path"], filters=[("status", "==", "waiting")], partitioning=None)
    return [path for path in rows["path"].to_pylist() if path][:_MAX_WAITING]


def _is_quiet(path: str, now_ns: int, settle_s: float) -> bool:
    try:
        return abs(now_ns - Path(path).stat().st_mtime_ns) > settle_s * 1e9
    except FileNotFoundError:
        return False
