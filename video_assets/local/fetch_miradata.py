"""MiraData without a browser: list, and work on the next batches.

Belongs here: the order of these jobs. Does not belong here: which batches are due (`sources.miradata.batch`), running a job
(`headless_jobs`).
"""

from video_assets.core.units import count
from video_assets.defs.jobs import FETCH_MIRADATA, LIST_MIRADATA
from video_assets.local.jobs import JobFailedError, Jobs
from video_assets.settings.model import Settings
from video_assets.sources.miradata.batch import due_batches
from video_assets.storage.layout import Layout


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
