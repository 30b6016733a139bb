"""The ledger of a data set on the hub: its commit, its files fetched, then listed as a folder of clips is.

Belongs here: the order of these things. Does not belong here: fetching (`sources.hub_dataset.fetch`), how a folder is listed
(`sources.own_clips.listing`).
"""

import json
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from video_assets.core.errors import SourceError
from video_assets.core.fetch_errors import FetchError, GatedError, NotOnHubError, WebPageError
from video_assets.core.schema import LEDGER
from video_assets.core.units import count
from video_assets.settings.hub_dataset import HubDataset
from video_assets.settings.model import Settings
from video_assets.settings.sources import OwnClips
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.hub.repo import HubRepo
from video_assets.sources.hub_dataset.fetch import Fetched, Fetcher, Places, remove_others
from video_assets.sources.hub_dataset.rules import NOT_SELECTED, Choice, Wanted, choose, is_table, not_selected
from video_assets.sources.listed import Listing
from video_assets.sources.own_clips.listing import list_own_clips
from video_assets.sources.own_clips.scan import Scan, scan_folder
from video_assets.sources.own_clips.shards import add_unpacked
from video_assets.sources.own_clips.sidecars import SUFFIXES
from video_assets.sources.own_clips.statuses import Finding
from video_assets.sources.own_clips.used_sidecars import remove_with_sidecars
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold
from video_assets.storage.tables import read_note, read_table, write_table
from video_assets.tombstones.matching import bury
from video_assets.tombstones.table import read_tombstones

SOURCE = "hub"


@dataclass(frozen=True)
class HubListing(Listing):
    """A ledger with the commit it was made from, the bytes that came, and files that could not be had (path: why)."""

    revision: str
    n_bytes_fetched: int
    not_fetched: dict[str, str]


def refresh_hub(layout: Layout, settings: Settings, *, info: Callable[[str], None]) -> HubListing:
    """Fetch what is wanted of the data set's newest commit and not there, and list it. Without the hub the last commit counts.

    Raises:
        FetchError: the hub gives nothing, and something is missing here; what came is kept, the ledger stays as it was.
        SourceError: the data set has no clips, or its captions table cannot be had or used.
        LeaseHeldError: another run fetches it.
    """
    hub, places = settings.hub, Places.of(layout)
    with hold(layout.lease(SOURCE, "files"), stale_after_s=settings.decode.lease_stale_s):
        commit, files, notes = _listed(layout, hub)
        wanted = choose(files, choice_of(hub), where=f"{hub.repo} at {commit[:12]}")
        fetched = fetcher_of(layout, hub, commit, info).fetch(wanted)
        _refuse_older_tables(hub, fetched)
        rows = _list(layout, hub, files, wanted, fetched)
        notes += [note.replace("own_clips.", "hub.") for note in rows.attrs["notes"]]
        content_hash = write_table(layout.ledger(SOURCE), LEDGER, rows, note={"repo": hub.repo})
        taken_down = rows.loc[rows["reason"].eq("taken_down") & rows["path"].ne(""), "path"]
        remove_with_sidecars(map(Path, taken_down), OwnClips().suffixes)
        if n_removed := remove_others(places, files):
            notes.append(f"removed {count(n_removed, 'files')} that the data set no longer has")
    if wanted.others:
        others = ", ".join(f"{suffix or 'without ending'}: {n:,}" for suffix, n in sorted(wanted.others.items()))
        notes.append(f"files of the data set that were not fetched, by ending: {others}")
    write_text(layout.notes(SOURCE), json.dumps(notes, indent=1, ensure_ascii=False) + "\n")
    return HubListing(
        layout.ledger(SOURCE), content_hash, len(rows), notes, revision=commit, n_bytes_fetched=fetched.n_bytes,
        not_fetched=fetched.failed,
    )  # fmt: skip


# --- what there is ------------------------------------------------------------------------------------------------------------


def _listed(layout: Layout, hub: HubDataset) -> tuple[str, dict[str, HubFile], list[str]]:
    """As `look_at_hub`; what the hub said is remembered."""
    commit, files, notes = look_at_hub(layout, hub)
    if not notes:
        told = {"repo": hub.repo, "revision": hub.revision, "commit": commit, "files": [list(file) for file in files.values()]}
        write_text(layout.listing(SOURCE, "last"), json.dumps(told) + "\n")
    return commit, files, notes


def look_at_hub(layout: Layout, hub: HubDataset) -> tuple[str, dict[str, HubFile], list[str]]:
    """Commit, files, notes; from the last listing when the hub cannot be asked.

    Raises:
        FetchError: it cannot, and nothing was listed before, or it refuses us.
        SourceError: files of another data set lie here, or of one that is not known.
    """
    _refuse_another(layout, hub)
    repo = HubRepo(hub.repo or "", hub.revision)
    memory = layout.listing(SOURCE, "last")
    try:
        commit = repo.head_commit()
        known = _remembered(memory, hub)
        files = known[1] if known is not None and known[0] == commit else repo.list_files(commit)
    except FetchError as error:
        known = _remembered(memory, hub)
        if known is None or isinstance(error, GatedError | NotOnHubError | WebPageError):
            raise
        return *known, [f"{error}. The last listing counts: commit {known[0][:12]}"]
    return commit, files, []


def _refuse_another(layout: Layout, hub: HubDataset) -> None:
    """Days of downloads are not deleted because a setting names another data set now, perhaps by mistake."""
    places, before = Places.of(layout), _repo_before(layout)
    folder, memory = places.files.parent, layout.listing(SOURCE, "last")
    if before == hub.repo or not places.has_files():
        return
    if before is None:
        raise SourceError(
            f"{memory} cannot be read, and so it is not known of which data set the files in {folder} are: those that {hub.repo} "
            f"does not have would be deleted. If they are its own, write {json.dumps({'repo': hub.repo})} into {memory}; else "
            "delete that folder first"
        )
    raise SourceError(
        f"hub.repo is {hub.repo}, and the files of {before} lie in {folder}: they would be deleted. Use another data root for "
        f"{hub.repo}, or delete that folder first"
    )


def _repo_before(layout: Layout) -> str | None:
    """The data set whose files lie here: as the last listing says, or as the ledger does, should that be torn or gone."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        return str(json.loads(layout.listing(SOURCE, "last").read_text(encoding="utf-8"))["repo"])
    with suppress(FileNotFoundError, ValueError, KeyError):
        return str(read_note(layout.ledger(SOURCE))["repo"])
    return None


def _remembered(memory: Path, hub: HubDataset) -> tuple[str, dict[str, HubFile]] | None:
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        told = json.loads(memory.read_text(encoding="utf-8"))
        if (told["repo"], told["revision"]) == (hub.repo, hub.revision):
            return told["commit"], {file[0]: HubFile(*file) for file in told["files"]}
    return None


def choice_of(hub: HubDataset) -> Choice:
    """What the settings want of the data set."""
    return Choice(hub.kind, hub.files, hub.suffixes, SUFFIXES, hub.captions, hub.max_files)


def fetcher_of(layout: Layout, hub: HubDataset, commit: str, info: Callable[[str], None] = lambda _line: None) -> Fetcher:
    """The data set at a commit."""
    tombstones = read_tombstones(layout)
    return Fetcher(
        HubRepo(hub.repo or "").at(commit),
        Places.of(layout),
        clip_suffixes=hub.suffixes,
        caption_suffixes=SUFFIXES,
        n_connections=hub.connections,
        is_keeping_shards=hub.keep_shards,
        is_taken_down=lambda path: tombstones.is_taken_down(clip_key=f"{SOURCE}/{path}", member=path),
        info=info,
    )


# --- the ledger ---------------------------------------------------------------------------------------------------------------


def _refuse_older_tables(hub: HubDataset, fetched: Fetched) -> None:
    """A table of another commit may name other clips by the same names."""
    if lost := sorted(path for path in fetched.failed if is_table(path, hub.captions)):
        raise SourceError(
            f"the captions table {lost[0]} could not be fetched, and an older one may mean other clips; what came is "
            f"kept, run again: {fetched.failed[lost[0]]}"
        )


def _list(layout: Layout, hub: HubDataset, offered: Collection[str], wanted: Wanted, fetched: Fetched) -> pd.DataFrame:
    places, ledger = Places.of(layout), layout.ledger(SOURCE)
    places.files.mkdir(parents=True, exist_ok=True)
    own = hub.as_own_clips(str(places.files))
    previous = read_table(ledger, LEDGER).rows if ledger.exists() else None
    scan = _scan(own, places, offered, wanted, fetched)
    try:
        rows = list_own_clips(own, previous=previous, now_ns=time.time_ns(), ignore=(), scan=scan, source=SOURCE)
    except SourceError as error:
        raise SourceError(str(error).replace("own_clips.", "hub.")) from None
    told = not_selected(rows, offered, wanted, source=SOURCE)
    return _with_attrs(bury(told, read_tombstones(layout)), rows)


def _with_attrs(rows: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    rows.attrs.update(listed.attrs)
    return rows


def _scan(own: OwnClips, places: Places, offered: Collection[str], wanted: Wanted, fetched: Fetched) -> Scan:
    """What lies in the folder of files, without what the commit does not have or nobody wants, and the unpacked shards."""
    scan = scan_folder(places.files, suffixes=own.suffixes, ignore=(), is_with_sidecars=own.captions is None)
    paths = {file.path for file in wanted.plain}
    # Tables may name these too, and their files lie there still.
    gone = Finding("missing_file", "the data set no longer has it")
    scan.others = {name: gone for name, _ in scan.clips.items() if name not in offered}
    scan.others |= {path: NOT_SELECTED for path in offered if path not in paths and path.lower().endswith(own.suffixes)}
    scan.clips = scan.clips.only(lambda name: name in paths and name not in fetched.failed)
    scan.tables = [name for name in scan.tables if name in paths]
    is_whole = paths - fetched.failed.keys()
    scan.sidecars = {name: sidecar for name, sidecar in scan.sidecars.items() if sidecar.name in is_whole}
    scan.shards = {file.path: Finding("", "", file.size, None) for file in wanted.shards}
    add_unpacked(own, scan, places.shards)
    for path, why in fetched.failed.items():
        if path in scan.shards:
            scan.faults[f"{path}/"] = Finding("not_fetched", why)
        elif path.lower().endswith(own.suffixes):
            scan.faults[path] = Finding("not_fetched", why)
        else:
            scan.notes.append(f"not fetched: {path}: {why}")
    return scan
