"""The nightly clean-up: Dagster keeps every event of every run; this job deletes what nobody needs any more.

Belongs here: the job and its schedule. Does not belong here: what may go (`defs.history`), the data root's leftovers (`storage`).
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import dagster as dg

from video_assets.defs.project import Project
from video_assets.settings.model import Settings
from video_assets.storage.durable import remove_old_drafts

CLEAN_UP = "clean_up"


@dg.op(name="delete_old_runs", description="Deletes runs, their events, logs and check results, and ended backfills.")
def delete_old_runs(context: dg.OpExecutionContext, project: dg.ResourceParam[Project]) -> None:
    """See the module."""
    from video_assets.defs.history import clean_up

    keep_days = project.settings.automation.keep_runs_days
    done = clean_up(context.instance, before=datetime.now(UTC) - timedelta(days=keep_days))
    n_drafts = remove_old_drafts(project.layout)
    context.log.info(f"older than {keep_days} days: {asdict(done)}; {n_drafts} drafts of killed writes")
    context.add_output_metadata({**asdict(done), "drafts": n_drafts})


@dg.job(name=CLEAN_UP, description="Lets go of runs, logs and check results older than automation.keep_runs_days.")
def clean_up_job() -> None:
    """One op."""
    delete_old_runs()


def clean_up_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every night."""
    automation = settings.automation
    status = dg.DefaultScheduleStatus
    return dg.ScheduleDefinition(
        name="nightly_clean_up",
        job_name=CLEAN_UP,
        cron_schedule=automation.clean_up_cron,
        execution_timezone=automation.timezone,
        default_status=status.RUNNING if automation.is_enabled else status.STOPPED,
        description="Deletes runs, logs and check results that are older than automation.keep_runs_days and not needed.",
    )
