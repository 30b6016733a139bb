"""Sources that fetch, without a browser: list, say what will be fetched, fetch, and fetch once more what does not decode.

Belongs here: the order of these jobs. Does not belong here: what is due (`sources.openvid`, `sources.miradata`), running a job
(`jobs`).
"""

import shutil
from collections.abc import Sequence

from video_assets.core.units import count, size
from video_assets.defs.jobs import FETCH_MIRADATA, FETCH_OPENVID, FIND_BROKEN_OPENVID, LIST_MIRADATA, LIST_OPENVID
from video_assets.defs.partitions import archive_partitions, ranges
from video_assets.local.jobs import JobFailedError, Jobs
from video_assets.settings.model import Settings
from video_assets.sources.miradata.ledgers import due_batches
from video_assets.sources.openvid.fetch import due, estimate
from video_assets.sources.openvid.listing import read_listing
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError


def fetch_openvid(jobs: Jobs, settings: Settings) -> None:
    """List the data set and fetch every archive that is due; without the hub go on with the listing that is there.

    Raises:
        JobFailedError: there is no listing, or an archive failed.
    """
    layout = Layout(settings.data_root)
    try:
        jobs.run(LIST_OPENVID)
    except JobFailedError as error:
        try:
            known = read_listing(layout, settings.openvid)
        except StageError:
            raise error from None
        jobs.say(f"{error} Going on with the listing of commit {known.revision[:12]}.")
    wanted = list(due(layout, settings))
    if not wanted:
        return
    free = shutil.disk_usage(layout.root).free
    n_bytes = estimate(layout, settings, wanted)
    jobs.say(f"openvid: {count(len(wanted), 'archives')}; this fetches about {size(n_bytes)}, {size(free)} are free")
    _fetch_archives(jobs, settings, wanted)


def fetch_broken_openvid(jobs: Jobs, settings: Settings) -> bool:
    """Fetch clips that do not decode once more; True when there were any, so that they must be checked again.

    Raises:
        JobFailedError: an archive failed.
    """
    jobs.run(FIND_BROKEN_OPENVID)
    wanted = list(due(Layout(settings.data_root), settings))
    if wanted:
        jobs.say("openvid: fetching clips that do not decode once more")
        _fetch_archives(jobs, settings, wanted)
    return bool(wanted)


def fetch_miradata(jobs: Jobs, settings: Settings) -> None:
    """List the table and fetch the batches of one night. What a site does not give today stops nobody: the next run asks again.

    Raises:
        JobFailedError: the table cannot be read.
    """
    jobs.run(LIST_MIRADATA)
    due = due_batches(Layout(settings.data_root), settings.miradata)
    if due:
        jobs.say(f"miradata: {count(len(due), 'batches')} of source videos ({due[0]} ...); run again for more")
    for batch in due:
        try:
            jobs.run(FETCH_MIRADATA, first=batch, last=batch)
        except JobFailedError as error:
            jobs.say(f"{error} Going on with the clips that are here.")


def _fetch_archives(jobs: Jobs, settings: Settings, wanted: Sequence[str]) -> None:
    name = str(archive_partitions(settings).name)
    jobs.instance.add_dynamic_partitions(name, wanted)  # there already, unless Dagster's storage is a new one
    every = jobs.instance.get_dynamic_partitions(name)
    for first, last in ranges(every, set(wanted)):
        jobs.run(FETCH_OPENVID, first=first, last=last)
