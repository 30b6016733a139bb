"""MiraData at night: some batches each time, so that nobody has to click and no site is asked for more than that."""

from collections.abc import Iterator

import dagster as dg

from video_assets.defs.jobs import FETCH_MIRADATA
from video_assets.settings.model import Settings


def miradata_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The nightly schedule; off until a person starts it, because it downloads from other people's sites."""
    if not settings.miradata.enabled:
        return []

    def batches(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from video_assets.core.errors import MendableError
        from video_assets.sources.miradata.batch import due_batches
        from video_assets.storage.layout import Layout

        try:
            due = due_batches(Layout(settings.data_root), settings.miradata)
        except MendableError as error:
            yield dg.SkipReason(str(error))
            return
        if not due:
            yield dg.SkipReason("no batch has anything left to ask for")
        night = f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        yield from (dg.RunRequest(run_key=f"{batch}:{night}", partition_key=batch) for batch in due)

    return [
        dg.ScheduleDefinition(
            name="nightly_miradata",
            job_name=FETCH_MIRADATA,
            cron_schedule=settings.miradata.nightly_cron,
            execution_timezone=settings.automation.timezone,
            default_status=dg.DefaultScheduleStatus.STOPPED,
            execution_fn=batches,
            description=f"Works through the batches, {settings.miradata.batches_per_night} a night. Off until you start it.",
        )
    ]
