"""Archives of OpenVid: which are due, how much they would transfer, fetching them.

Belongs here: putting listing, captions, settings and verdicts together. Does not belong here: the work on one archive
(`sources.openvid.archive`), listing (`sources.openvid.listing`) and captions (`sources.openvid.captions`).
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Event

from video_assets.core.errors import MendableError, SourceError
from video_assets.core.fetch_errors import FetchError, IncompleteSetError, RateLimitedError, UnreachableError
from video_assets.core.json_values import JsonObject
from video_assets.core.units import count
from video_assets.progress import LogProgress, megabytes
from video_assets.settings.model import Settings
from video_assets.settings.sources import VIDEO_SUFFIXES, OpenVid
from video_assets.sources.fetching.ledger import FetchLedger
from video_assets.sources.hub.connections import Connections
from video_assets.sources.openvid.archive import Told, fetch_archive
from video_assets.sources.openvid.broken import broken_clips, clips_token, read_broken
from video_assets.sources.openvid.captions import captions_identity, find_captions, read_scores
from video_assets.sources.openvid.listing import read_listing
from video_assets.sources.openvid.opening import open_archive
from video_assets.sources.openvid.outcomes import ArchiveOutcome
from video_assets.sources.openvid.plan import ArchiveTask
from video_assets.sources.openvid.rows_without_clip import refresh_rows_without_clip
from video_assets.sources.openvid.rules.due import count_wanted, due_archives, estimate_bytes, ledger_version
from video_assets.sources.openvid.rules.listing import Listing, choose_archives
from video_assets.sources.openvid.rules.members import Selection
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold
from video_assets.storage.stages import StageError
from video_assets.storage.tables import read_note
from video_assets.tombstones.table import read_tombstones

_GIB = 1 << 30


def fetch_archives(layout: Layout, settings: Settings, archives: Sequence[str], *, told: Told) -> Iterator[ArchiveOutcome]:
    """Fetch archives, `openvid.parallel_archives` at a time; the outcomes are in order.

    When one fails the others are tried, unless they would fail alike.
    """
    openvid = settings.openvid
    stop = Event()
    is_one = openvid.parallel_archives == 1
    each = told if is_one else Told(LogProgress(told.info), told.info, told.warn)  # a terminal shows one bar at a time
    fetch = partial(_fetch, layout, settings, told=each, connections=Connections(openvid.connections), stop=stop)
    n_at_once = openvid.parallel_archives
    yield from _outcomes(archives, fetch) if is_one else _at_once(archives, fetch, n_at_once=n_at_once, stop=stop)
    n_lost = refresh_rows_without_clip(layout, openvid.source_name, read_listing(layout, openvid), selection_of(openvid))
    if n_lost:
        told.warn(f"{count(n_lost, 'rows')} of the captions table have no clip in any archive")


def _outcomes(archives: Sequence[str], fetch: Callable[[str], ArchiveOutcome]) -> Iterator[ArchiveOutcome]:
    why_not = ""
    for archive in archives:
        if why_not:
            yield ArchiveOutcome(archive, failure=f"not tried, since before it: {why_not}")
            continue
        outcome, why_not = _tried(archive, partial(fetch, archive))
        yield outcome


def _at_once(
    archives: Sequence[str], fetch: Callable[[str], ArchiveOutcome], *, n_at_once: int, stop: Event
) -> Iterator[ArchiveOutcome]:
    """As `_outcomes`, several at a time; when the caller goes away those that are under way stop at their next clip."""
    why_not = ""
    todo, running = deque(archives), deque[tuple[str, Future[ArchiveOutcome]]]()
    with ThreadPoolExecutor(n_at_once, thread_name_prefix="archive") as workers:
        try:
            while todo or running:
                while todo and not why_not and len(running) < n_at_once:
                    running.append((todo[0], workers.submit(fetch, todo.popleft())))
                if not running:
                    yield ArchiveOutcome(todo.popleft(), failure=f"not tried, since before it: {why_not}")
                    continue
                archive, future = running.popleft()
                outcome, problem = _tried(archive, future.result)
                why_not = why_not or problem
                yield outcome
        finally:
            stop.set()


def _tried(archive: str, result: Callable[[], ArchiveOutcome]) -> tuple[ArchiveOutcome, str]:
    """What became of an archive, and why the next one need not be tried; empty when it should."""
    try:
        return result(), ""
    except (MendableError, OSError, ValueError) as error:
        return ArchiveOutcome(archive, failure=str(error)), str(error) if _is_for_all(error) else ""


def due(layout: Layout, settings: Settings) -> dict[str, str]:
    """Archives to materialize, in order, each with the reason in words.

    New and changed ones, those with clips that could not be fetched last time, and those with clips that were found not to decode
    and were fetched once only (`write_broken`).

    Raises:
        StageError: there is no listing, or no captions yet.
        UsageError: the settings name archives that are not there.
    """
    versions, notes = _versions(layout, settings), notes_of_ledgers(layout, settings)
    found = due_archives(versions, notes)
    broken = read_broken(layout, settings)
    more = {key: f"{len(broken[key]):,} clips do not decode" for key in versions if key in broken and key not in found}
    return {key: reason for key in versions if (reason := found.get(key) or more.get(key))}


def pending(layout: Layout, settings: Settings) -> dict[str, str]:
    """What a sensor should ask for once: a token per archive that is new or changed, or has clips that do not decode.

    Raises:
        StageError, UsageError: see `due`.
    """
    versions, notes = _versions(layout, settings), notes_of_ledgers(layout, settings)
    notes = {key: {**note, "waiting": 0} for key, note in notes.items()}
    found = due_archives(versions, notes)
    broken = read_broken(layout, settings)
    tokens = {
        key: versions[key] if key in found else f"broken:{clips_token(broken[key])}" for key in {*found, *broken} & set(versions)
    }
    return {key: tokens[key] for key in versions if key in tokens}


def needs_listing(layout: Layout, settings: Settings, head: str) -> bool:
    """The listing or the captions are not those of commit `head`."""
    try:
        listing = read_listing(layout, settings.openvid)
        captions = _captions_identity(layout, settings.openvid)
    except StageError:
        return True
    return listing.revision != head or captions != captions_identity(settings.openvid, listing)


def estimate(layout: Layout, settings: Settings, archives: Sequence[str]) -> int:
    """Bytes that fetching these archives will transfer, roughly, what is there already not taken off.

    Raises:
        StageError: there is no listing, or no captions yet.
    """
    openvid = settings.openvid
    if openvid.mode == "local":
        return 0
    listing = read_listing(layout, openvid)
    sizes = [listing.size(archive) for archive in archives]
    if openvid.mode == "archive":
        return sum(sizes)
    selection = selection_of(openvid)
    rows = read_scores(layout.captions(openvid.source_name))
    n_wanted = count_wanted(rows, selection)
    return estimate_bytes(sizes, n_rows=len(rows), n_wanted_rows=n_wanted, max_clips=openvid.max_clips_per_archive)


def selection_of(openvid: OpenVid) -> Selection:
    """The row filter of the settings.

    Raises:
        SourceError: the list of names cannot be read.
    """
    return Selection(
        min_seconds=openvid.min_seconds,
        max_seconds=openvid.max_seconds,
        min_aesthetic=openvid.min_aesthetic,
        min_motion=openvid.min_motion,
        names=_names(openvid),
        max_clips=openvid.max_clips_per_archive,
    )


def _names(openvid: OpenVid) -> frozenset[str] | None:
    if openvid.names_file is None:
        return None
    try:
        lines = openvid.names_file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{openvid.names_file}: openvid.names_file cannot be read as UTF-8 text: {error}") from error
    return frozenset(name for line in lines if (name := line.strip().rpartition("/")[2]))


def _versions(layout: Layout, settings: Settings) -> dict[str, str]:
    """`ledger_version` that each wanted archive should have."""
    openvid = settings.openvid
    listing = read_listing(layout, openvid)
    wanted = choose_archives(listing, None if openvid.archives == "all" else openvid.archives)
    captions, selection = _captions_identity(layout, openvid), selection_of(openvid)
    return {key: _version(listing, key, captions, selection) for key in wanted}


def notes_of_ledgers(layout: Layout, settings: Settings) -> dict[str, JsonObject]:
    """What the ledgers that are there were made from."""
    paths = layout.partition_ledger(settings.openvid.source_name, "x").parent.glob("*.parquet")
    return {path.stem: read_note(path) for path in paths}


def _captions_identity(layout: Layout, openvid: OpenVid) -> str:
    path = layout.captions(openvid.source_name)
    if not path.exists():
        raise StageError(f"{path} is missing: materialize openvid_captions")
    return str(read_note(path)["identity"])


def _version(listing: Listing, archive: str, captions: str, selection: Selection) -> str:
    return ledger_version(archive=listing.data_version(archive), captions=captions, selection=selection)


def _fetch(
    layout: Layout, settings: Settings, archive: str, *, told: Told, connections: Connections, stop: Event
) -> ArchiveOutcome:
    openvid, started = settings.openvid, time.monotonic()
    listing = read_listing(layout, openvid)
    source = openvid.source_name
    find = partial(find_captions, layout.captions(source))
    held = hold(layout.lease(source, archive), stale_after_s=settings.decode.lease_stale_s)
    with held as lease, FetchLedger(layout, source, archive) as ledger:
        task = _task(layout, settings, listing, archive)
        n_bytes = listing.size(archive) if openvid.mode == "archive" else 0
        with (
            megabytes(told.progress, f"{archive}: download", n_bytes) as advance,
            open_archive(layout, openvid, listing, archive, on_bytes=advance, connections=connections) as file,
        ):
            result = fetch_archive(task, file, ledger, lease, find_captions=find, told=told, stop=stop)
    return ArchiveOutcome(archive, listing.revision, result=result, seconds=time.monotonic() - started)


def _task(layout: Layout, settings: Settings, listing: Listing, archive: str) -> ArchiveTask:
    openvid, source = settings.openvid, settings.openvid.source_name
    captions = _captions_identity(layout, openvid)
    if captions != captions_identity(openvid, listing):
        raise StageError(
            f"{layout.captions(source)} is not of commit {listing.revision[:12]}, and captions of another may be of other "
            "clips: materialize openvid_captions"
        )
    pieces, selection = listing.pieces(archive), selection_of(openvid)
    return ArchiveTask(
        source=source,
        archive=archive,
        repo=listing.repo,
        pattern=listing.pattern,
        revision=listing.revision,
        version=_version(listing, archive, captions, selection),
        sha256s=tuple(piece.sha256 for piece in pieces),
        is_verified=openvid.mode == "archive",
        folder=layout.clips_folder(source, archive),
        ledger_path=layout.partition_ledger(source, archive),
        suffixes=VIDEO_SUFFIXES,
        max_clip_bytes=openvid.max_clip_mib << 20,
        max_bad_share=openvid.max_bad_share,
        headroom_bytes=round(openvid.headroom_gib * _GIB),
        selection=selection,
        is_keeping_vanished=openvid.keep_vanished,
        suspects=frozenset(broken_clips(layout, settings).get(archive, ())),
        tombstones=read_tombstones(layout),
    )


def _is_for_all(error: Exception) -> bool:
    """The next archive would fail in the same way."""
    if isinstance(error, RateLimitedError | UnreachableError | StageError):
        return True
    return isinstance(error, FetchError) and error.needs_person and not isinstance(error, IncompleteSetError)
