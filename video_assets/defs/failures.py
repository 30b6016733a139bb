"""What a failed run has to say: the project's own words, not those of Dagster's wrappers around them.

Belongs here: reading errors of runs. Does not belong here: who is told (`alerts`), the command line's exit code (`local.jobs`).
"""

import re

import dagster as dg
from dagster._utils.error import SerializableErrorInfo  # not exported


def own_message(error: SerializableErrorInfo) -> str:
    """The message of the project's own error, else that of the first cause; without its class.

    Of a chain of our errors the last one raised has all the words: file, row, what to do.
    """
    while error.cause is not None and not error.message.startswith("video_assets."):
        error = error.cause
    return re.sub(r"^[\w.]+: ", "", error.message.strip())


def why_failed(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first step's own error, else what can be said of the run."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    event = records[0].event_log_entry.dagster_event if records else None
    error = event.step_failure_data.error if event else None
    if error is None:
        return "the run failed outside of its steps (its process died?); see its log"
    return own_message(error)
