"""Clips to training CSV without a browser: the same jobs, in this process, on the same instance, so the UI shows the runs.

Belongs here: the order of the jobs, taking down. Does not belong here: what a run came to (`summary`), whether one is needed
(`nothing_new`), terminal output (`terminal`).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from video_assets.core.errors import MendableError, UsageError
from video_assets.core.sharding import shard_keys
from video_assets.core.units import count
from video_assets.definitions import build_defs
from video_assets.defs.jobs import DECODE, PREPARE, PUBLISH
from video_assets.local.dagster_home import (
    explained_history,
    home_of,
    other_users_history,
    prepare_home,
    terminal_config,
)
from video_assets.local.jobs import JobFailedError, Jobs
from video_assets.local.migrations import read_once
from video_assets.local.nothing_new import remember_complete
from video_assets.local.summary import RunSummary, summary_of
from video_assets.progress import Progress
from video_assets.publish.manifest import read_published
from video_assets.settings import Settings
from video_assets.storage.layout import Layout

if TYPE_CHECKING:
    from video_assets.defs.history import CleanedUp
    from video_assets.takedown.outcome import TakedownReport


def run(settings: Settings, *, terminal: Progress, say: Callable[[str], None], is_prepare_only: bool = False) -> RunSummary:
    """Fetch what the sources offer, prepare, shard, decode (all shards) and publish; stop at the first job that fails.

    With `is_prepare_only` it stops after the shard lists, so that `video-assets shard` can decode them, on any machine.

    Returns:
        The summary; its `error` is empty when all jobs, and the checks of the CSV, passed.

    Raises:
        UsageError: no source is enabled.
        KeyboardInterrupt: the user stopped it; what was done is kept.
    """
    if not settings.sources:
        raise UsageError("no clips are set: give --clips FOLDER and/or --captions TABLE, or try --sample")
    error, n_jobs_done = _run_jobs(settings, terminal=terminal, say=say, is_prepare_only=is_prepare_only)
    if not (error or is_prepare_only):
        remember_complete(settings)
    return summary_of(settings, error=error, n_jobs_done=n_jobs_done, is_published=not (error or is_prepare_only))


def take_down(file: Path, settings: Settings, *, terminal: Progress, say: Callable[[str], None]) -> "tuple[TakedownReport, Path]":
    """Remove what the lines of `file` name, publish without it, take it out of kept versions; the report and its page.

    Raises:
        StageError, OSError: the tombstones cannot be kept; nothing was removed.
    """
    from video_assets.takedown.take_down import plan_takedown, redact_versions, write_report
    from video_assets.takedown.take_down import take_down as bury_and_remove

    layout = Layout(settings.data_root)
    planned = plan_takedown(layout, file)
    say(f"take-down {planned.id}: {count(len(planned.clips), 'clips')}")
    report = bury_and_remove(layout, settings, planned)
    published = "nothing was published yet"
    if layout.versions.exists() and not settings.sources:
        published = "no version is new, since no source is enabled; the clips leave those that are there"
    elif layout.versions.exists():
        published = _publish_without(layout, settings, terminal=terminal, say=say)
    report = replace(redact_versions(layout, settings, planned, report), published=published)
    return report, write_report(layout, report)


def _publish_without(layout: Layout, settings: Settings, *, terminal: Progress, say: Callable[[str], None]) -> str:
    """Publish without the clips that were taken down; says which version it is, or why there is none yet."""
    try:
        error, _ = _run_jobs(settings, terminal=terminal, say=say, prepare=["enriched_metadata", "size_filtered"])
        return f"not yet: {error}" if error else f"version {read_published(layout, settings).version}"
    except MendableError as problem:
        return f"not yet: {problem}"
    except Exception as problem:  # noqa: BLE001 - whatever it is, the clips must leave the versions that are there
        first_line = next(iter(str(problem).splitlines()), "")
        home = home_of(layout, settings.dagster_home)
        return (
            f"not yet: {type(problem).__name__}: {first_line} (Dagster's history is in {home}); mend it, then `video-assets run`"
        )


def clean_up_history(settings: Settings, *, keep_days: int) -> "CleanedUp":
    """Delete Dagster's runs that ended more than `keep_days` ago and that nothing stands on.

    Raises:
        NoSpaceError: the disk is full.
        OSError: Dagster's home cannot be written to.
    """
    from video_assets.defs.history import clean_up

    home = prepare_home(Layout(settings.data_root), settings.dagster_home)
    with explained_history(home), dg.DagsterInstance.from_config(str(home)) as instance:
        return clean_up(instance, before=datetime.now(UTC) - timedelta(days=keep_days))


def _run_jobs(
    settings: Settings,
    *,
    terminal: Progress,
    say: Callable[[str], None],
    prepare: Sequence[str] | None = None,
    is_prepare_only: bool = False,
) -> tuple[str, int]:
    """Run all jobs (of the first only the assets `prepare`, when given) up to the first that fails.

    Returns:
        Why it failed (empty when none did), and how many jobs ended well.
    """
    # SQLAlchemy logs a Ctrl-C that meets it while it closes a connection, with a traceback, before it hands it on.
    for name in ("dagster", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    read_once()
    layout = Layout(settings.data_root)
    home = prepare_home(layout, settings.dagster_home)
    if told := other_users_history(layout, home):
        say(told)
    shards = shard_keys(settings.decode.n_shards)
    with explained_history(home), dg.DagsterInstance.from_config(str(home), terminal_config(home)) as instance:
        jobs = Jobs(build_defs(settings, terminal=terminal), instance, say)
        try:
            if prepare is None:
                _fetch(jobs, settings)
            _prepare(jobs, prepare)
            if is_prepare_only:
                return "", jobs.n_done
            _check_and_publish(jobs, settings, shards, prepare)
        except JobFailedError as error:
            return str(error), jobs.n_done
        return "", jobs.n_done


def _check_and_publish(jobs: Jobs, settings: Settings, shards: list[str], prepare: Sequence[str] | None) -> None:
    """From the shard lists to the CSV; once more from the sources when these no longer belong together."""

    def check_anew() -> None:
        _prepare(jobs, prepare)
        _check(jobs, shards)

    try:
        _check(jobs, shards)
        if prepare is None and _fetch_broken(jobs, settings):
            check_anew()
        jobs.run(PUBLISH)
    except JobFailedError as error:
        if not error.is_overtaken:
            raise
        jobs.say("what the CSV is made from has changed meanwhile (another run, or exclude.csv): once more")
        check_anew()
        jobs.run(PUBLISH)


def _fetch(jobs: Jobs, settings: Settings) -> None:
    """What the sources offer and is not here. Imported here: clients of hub and web cost a second that others need not wait."""
    if settings.openvid.is_enabled or settings.miradata.is_enabled:
        from video_assets.local import fetch

        if settings.openvid.is_enabled:
            fetch.fetch_openvid(jobs, settings)
        if settings.miradata.is_enabled:
            fetch.fetch_miradata(jobs, settings)


def _fetch_broken(jobs: Jobs, settings: Settings) -> bool:
    """Fetch once more what does not decode; True when there was any."""
    if not settings.openvid.is_enabled:
        return False
    from video_assets.local.fetch import fetch_broken_openvid

    return fetch_broken_openvid(jobs, settings)


def _prepare(jobs: Jobs, prepare: Sequence[str] | None) -> None:
    """From what the sources list to the shard lists."""
    jobs.run(PREPARE, only=prepare or ())


def _check(jobs: Jobs, shards: list[str]) -> None:
    """A verdict for each clip."""
    jobs.run(DECODE, first=shards[0], last=shards[-1])
