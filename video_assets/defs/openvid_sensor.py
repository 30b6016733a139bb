"""Who asks for archives of OpenVid without a click: a sensor that looks for new commits, and a schedule for the night.

Both only look at small files and ask the hub one question; listing and fetching are runs. What is due is decided in
`sources.openvid.fetch`.
"""

import json
import time

import dagster as dg

from video_assets.defs.jobs import AT_WORK, FETCH_OPENVID, LIST_OPENVID, OPENVID_JOBS
from video_assets.defs.partitions import archive_partitions
from video_assets.settings.model import Settings

_SECONDS_PER_TRY = 3600


def openvid_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor, when the source is enabled."""
    if not settings.openvid.enabled:
        return []
    is_running = settings.automation.is_enabled

    @dg.sensor(
        name="openvid_sensor",
        jobs=OPENVID_JOBS[:2],
        minimum_interval_seconds=settings.openvid.poll_s,
        default_status=dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED,
        description="Asks the hub for the newest commit. Lists the data set when that has moved, then asks for archives that are "
        "new, have changed, or hold clips that do not decode, a few at a time.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return _tick(context, settings)

    return [sensor]


def openvid_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """For people who like a schedule better than a sensor, and for what a sensor does not do twice."""
    if not settings.openvid.enabled:
        return []
    automation = settings.automation
    status = dg.DefaultScheduleStatus.RUNNING if automation.is_enabled else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="nightly_openvid",
        job_name=FETCH_OPENVID,
        cron_schedule=automation.nightly_cron,
        execution_timezone=automation.timezone,
        default_status=status,
        description="Asks for every archive that is not complete by the listing that is there, failed ones included.",
    )
    def fetch(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        return _night(context, settings)

    listing = dg.ScheduleDefinition(
        name="nightly_openvid_listing",
        job_name=LIST_OPENVID,
        cron_schedule=automation.nightly_cron,
        execution_timezone=automation.timezone,
        default_status=status,
        description="Lists the data set again, and fetches its captions if they have changed.",
    )
    return [listing, fetch]


def _night(context: dg.ScheduleEvaluationContext, settings: Settings) -> list[dg.RunRequest] | dg.SkipReason:
    """A run for each archive that is due and has none under way."""
    from video_assets.core.errors import MendableError
    from video_assets.sources.openvid.fetch import due
    from video_assets.storage.layout import Layout

    try:
        wanted = due(Layout(settings.data_root), settings)
    except MendableError as error:
        return dg.SkipReason(str(error))
    busy = _busy(context.instance)
    context.instance.add_dynamic_partitions(str(archive_partitions(settings).name), list(wanted))
    night = context.scheduled_execution_time.isoformat()
    requests = [dg.RunRequest(run_key=f"{archive}:{night}", partition_key=archive) for archive in wanted if archive not in busy]
    return requests or dg.SkipReason(f"every wanted archive is there, or on its way ({len(busy)} runs)")


def _tick(context: dg.SensorEvaluationContext, settings: Settings) -> dg.SensorResult | dg.SkipReason:
    """Ask for a listing when the commit has moved, else for archives; one or the other."""
    from video_assets.core.errors import MendableError
    from video_assets.sources.openvid.fetch import needs_listing, pending
    from video_assets.sources.openvid.listing import head_commit
    from video_assets.storage.layout import Layout

    layout = Layout(settings.data_root)
    try:
        head = head_commit(settings.openvid)
        if needs_listing(layout, settings, head):
            return _ask_for_listing(head, context.cursor)
        tokens = pending(layout, settings)
    except MendableError as error:
        return dg.SkipReason(str(error))
    asked = json.loads(context.cursor or "{}").get("asked", {})
    busy = _busy(context.instance)
    free = max(0, settings.openvid.max_archives_per_poll - len(busy))
    news = {archive: token for archive, token in tokens.items() if asked.get(archive) != token and archive not in busy}
    now = dict(list(news.items())[:free])
    cursor = json.dumps({"commit": head, "asked": {**{k: v for k, v in asked.items() if k in tokens}, **now}}, sort_keys=True)
    if not now:
        return dg.SensorResult(skip_reason=_why_nothing(head, tokens, busy, news), cursor=cursor)
    requests = [
        dg.RunRequest(run_key=f"{archive}:{token}", job_name=FETCH_OPENVID, partition_key=archive)
        for archive, token in now.items()
    ]
    # There already, unless Dagster's storage is a new one. Requests of a tick are checked before its own additions count.
    context.instance.add_dynamic_partitions(str(archive_partitions(settings).name), list(now))
    return dg.SensorResult(run_requests=requests, cursor=cursor)


def _ask_for_listing(head: str, cursor: str | None) -> dg.SensorResult:
    """Once per commit and hour: a listing that fails is tried again, not every few minutes."""
    request = dg.RunRequest(run_key=f"list:{head}:{int(time.time()) // _SECONDS_PER_TRY}", job_name=LIST_OPENVID)
    return dg.SensorResult(run_requests=[request], cursor=cursor)


def _busy(instance: dg.DagsterInstance) -> set[str]:
    """Archives whose runs wait or run."""
    runs = instance.get_runs(dg.RunsFilter(job_name=FETCH_OPENVID, statuses=AT_WORK))
    return {run.tags.get("dagster/partition", run.run_id) for run in runs}


def _why_nothing(head: str, tokens: dict[str, str], busy: set[str], news: dict[str, str]) -> str:
    if news:
        return f"{len(news)} archives are due, {len(busy)} runs are under way: the next ones are asked for when those end"
    if tokens:
        return (
            f"{len(tokens)} archives are not complete and were asked for already ({', '.join(list(tokens)[:3])}); look at their "
            "runs; nightly_openvid asks again"
        )
    return f"commit {head[:12]} as before, every wanted archive is there"
