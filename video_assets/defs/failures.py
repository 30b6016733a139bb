"""What a failed run has to say: the project's own words, not those of Dagster's wrappers around them.

Belongs here: reading errors of runs. Does not belong here: who is told (`alerts`), the command line's exit code (`local.jobs`).
"""

import re
from collections.abc import Iterable

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError  # not exported
from dagster._utils.error import SerializableErrorInfo  # not exported

_CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


def own_message(error: SerializableErrorInfo) -> str:
    """The message of the project's own error, else that of the first cause; without its class.

    Of a chain of our errors the last one raised has all the words: file, row, what to do.
    """
    while error.cause is not None and not error.message.startswith("video_assets."):
        error = error.cause
    return re.sub(r"^[\w.]+: ", "", error.message.strip())


def message_of(error: SerializableErrorInfo, events: Iterable[dg.DagsterEvent]) -> str:
    """As `own_message`; of a check that stopped the run what the check said, which its error does not say."""
    if error.cls_name != DagsterAssetCheckFailedError.__name__:
        return own_message(error)
    checks = (event.asset_check_evaluation_data for event in events if event.event_type is _CHECKED)
    failed = [check for check in checks if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR]
    told = [f"{check.asset_key.to_user_string()}, {check.check_name}: {check.description}" for check in failed]
    return " ".join(told) or own_message(error)


def why_failed(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first step's own error, else what can be said of the run."""
    events = _events(instance, run_id, dg.DagsterEventType.STEP_FAILURE, limit=1)
    error = events[0].step_failure_data.error if events else None
    if error is None:
        return "the run failed outside of its steps (its process died?); see its log"
    return message_of(error, _events(instance, run_id, _CHECKED))


def _events(
    instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType, limit: int | None = None
) -> list[dg.DagsterEvent]:
    records = instance.get_records_for_run(run_id, of_type=kind, limit=limit).records
    return [event for record in records if (event := record.event_log_entry.dagster_event) is not None]
