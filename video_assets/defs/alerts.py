"""Messages to people: one sensor that looks for failed runs, failed checks and a stale training CSV, and tells a webhook.

One message per tick, however much failed, and never from within a run: a webhook that hangs or refuses stops nothing. A message
that is not taken is tried again at the next ticks, ten times, then let go.
Belongs here: what happened since the last tick. Does not belong here: words (`alerts.messages`), sending (`alerts.webhook`).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState  # not exported
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus  # not exported

from video_assets.alerts.messages import Alert, message
from video_assets.core.json_values import read_value
from video_assets.defs.elsewhere import ILL_NODE
from video_assets.defs.failures import why_failed
from video_assets.settings.model import Settings

WEBHOOK_VARIABLE = "VIDEO_ASSETS_ALERT_WEBHOOK"
_CSV = dg.AssetKey("training_csv")
_MAX_FAILURES = 50
_MAX_ATTEMPTS = 10


@dataclass(frozen=True)
class _Seen:
    """What was looked at: the sensor's cursor.

    `failures` is Dagster's cursor of failed runs, `checks` the failed run by check (None: never looked), `freshness` of the CSV,
    `attempts` to deliver the message of what came after it.
    """

    failures: str | None
    checks: Mapping[str, str] | None = None
    freshness: str | None = None
    attempts: int = 0

    def as_cursor(self) -> str:
        return json.dumps(asdict(self))


def alerts_sensor(settings: Settings) -> dg.SensorDefinition:
    """Runs when the webhook is set where the code is loaded."""
    is_running = bool(os.environ.get(WEBHOOK_VARIABLE))

    @dg.sensor(
        name="alerts",
        # A sensor must be able to start something; this one never does.
        job_name="publish",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if is_running else dg.DefaultSensorStatus.STOPPED,
        description=f"Tells the webhook in ${WEBHOOK_VARIABLE} about failed runs, failed checks and a stale training CSV.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from video_assets.alerts.webhook import WebhookError, post_json

        url = os.environ.get(WEBHOOK_VARIABLE, "")
        if not url:
            return dg.SensorResult(
                skip_reason=f"${WEBHOOK_VARIABLE} is not set where the code server runs", cursor=context.cursor
            )
        seen = read_value(_Seen, json.loads(context.cursor)) if context.cursor else _from_now_on(context.instance)
        found, after = _look(context, seen, settings.automation.ui_url or "")
        if not found:
            return dg.SensorResult(skip_reason="nothing to tell", cursor=after.as_cursor())
        try:
            post_json(url, message(found))
        except WebhookError as error:
            context.log.warning(str(error))
            return dg.SensorResult(
                skip_reason=f"{len(found)} alerts not delivered: {error}", cursor=_later(seen, after).as_cursor()
            )
        return dg.SensorResult(skip_reason=f"reported {len(found)} alerts", cursor=after.as_cursor())

    return alerts


def _from_now_on(instance: dg.DagsterInstance) -> _Seen:
    """What failed before anybody listened is not reported."""
    last = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1)
    return _Seen(failures=last.cursor if last.records else None)


def _later(seen: _Seen, after: _Seen) -> _Seen:
    """What is looked at again next time: the same, until it was tried often enough."""
    attempts = seen.attempts + 1
    return after if attempts >= _MAX_ATTEMPTS else replace(seen, attempts=attempts)


def _look(context: dg.SensorEvaluationContext, seen: _Seen, ui_url: str) -> tuple[list[Alert], _Seen]:
    """Everything new since `seen`, and what is seen after it."""
    failures = context.instance.fetch_run_status_changes(
        dg.DagsterEventType.RUN_FAILURE, limit=_MAX_FAILURES, cursor=seen.failures, ascending=True
    )
    found = [_run_alert(context.instance, record.event_log_entry.run_id, ui_url) for record in failures.records]
    checks, failed_checks = _failed_checks(context, ui_url)
    # Which checks had failed before the first look is no news.
    known = seen.checks if seen.checks is not None else checks
    found += [alert for name, alert in failed_checks.items() if known.get(name) != checks[name]]
    freshness = _freshness(context.instance)
    if freshness != seen.freshness and "FAIL" in {freshness, seen.freshness}:
        found.append(_freshness_alert(freshness, ui_url))
    after = _Seen(failures.cursor if failures.records else seen.failures, checks, freshness)
    return [alert for alert in found if alert is not None], after


def _run_alert(instance: dg.DagsterInstance, run_id: str, ui_url: str) -> Alert | None:
    """None for a run that was deleted, or that Dagster starts again by itself (unless its node fails again and again)."""
    run = instance.get_run_by_id(run_id)
    if run is None or (run.tags.get("dagster/will_retry") == "true" and ILL_NODE not in run.tags):
        return None
    assets = ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ()))
    return Alert("run_failed", assets or run.job_name, why_failed(instance, run_id), f"{ui_url}/runs/{run_id}" if ui_url else "")


def _failed_checks(context: dg.SensorEvaluationContext, ui_url: str) -> tuple[dict[str, str], dict[str, Alert]]:
    """Run ids of failed checks by name, and their alerts."""
    keys = list(context.repository_def.asset_graph.asset_check_keys) if context.repository_def else []
    latest = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    checks, alerts = {}, {}
    for key, record in latest.items():
        event = record.event.dagster_event if record.event and record.status is AssetCheckExecutionRecordStatus.FAILED else None
        if event is not None:
            asset = key.asset_key.to_user_string()
            name = f"{asset}: {key.name}"
            checks[name] = record.run_id
            link = f"{ui_url}/assets/{asset}?view=checks" if ui_url else ""
            alerts[name] = Alert("check_failed", name, event.asset_check_evaluation_data.description or "see the check", link)
    return checks, alerts


def _freshness(instance: dg.DagsterInstance) -> str | None:
    record = instance.get_freshness_state_records([_CSV]).get(_CSV)
    return record.freshness_state.value if record else None


def _freshness_alert(state: str | None, ui_url: str) -> Alert:
    link = f"{ui_url}/assets/training_csv" if ui_url else ""
    if state == FreshnessState.FAIL.value:
        return Alert(
            "csv_stale",
            "training_csv",
            "not published for longer than automation.max_csv_age_h; look at failed runs and shards",
            link,
        )
    return Alert("csv_fresh_again", "training_csv", "published again", link)
