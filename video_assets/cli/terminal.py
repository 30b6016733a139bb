"""What a person sees in a terminal: progress bars, tables of clips, the funnel.

Results go to stdout, progress and errors to stderr. Does not belong here: what is counted or decided.
"""

import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from video_assets.core.units import count, shorten
from video_assets.progress import Advance, LogProgress
from video_assets.progress import Progress as ProgressLike

if TYPE_CHECKING:
    from video_assets.checking.records import ClipRecord
    from video_assets.explain.status import ShardStatus
    from video_assets.explain.why import Explanation
    from video_assets.local.summary import RunSummary
    from video_assets.publish.compare import Comparison
    from video_assets.takedown.outcome import TakedownReport
    from video_assets.takedown.take_down import Takedown


class _Console(Console):
    """Text as it is: no markup, no emoji for `:name:`, no colours by guess."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def on_broken_pipe(self) -> NoReturn:
        """See `_leave_without_reader`; rich would end with 1, which means that something is bad."""
        _leave_without_reader(self.file.fileno())


_err = _Console(stderr=True)
_MAX_TROUBLES = 10


def say(text: str) -> None:
    """One line to a person, on stderr."""
    _err.print(text, soft_wrap=True)


def fail(text: str) -> None:
    """One error to a person, on stderr."""
    _err.print(f"error: {text}", style="red", soft_wrap=True)


def pinned(text: str) -> AbstractContextManager[object]:
    """A line that stays in sight below what is said, on a terminal; elsewhere it is said once."""
    if sys.stderr.isatty():
        return _err.status(text, spinner="dots")
    say(text)
    return nullcontext()


def progress() -> ProgressLike:
    """Bars on a terminal, plain lines otherwise."""
    return _bar if sys.stderr.isatty() else LogProgress(say)


@contextmanager
def _bar(label: str, total: int, unit: str) -> Iterator[Advance]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=_err) as bars:
        task = bars.add_task(label, total=total, unit=unit, note="")

        def advance(count: int, note: str = "", /, *, is_known: bool = False) -> None:
            now = bars.tasks[0]
            said = note or now.fields["note"]
            if is_known:  # the time that is left is reckoned anew, from what is done after it
                bars.reset(task, completed=int(now.completed) + count, unit=unit, note=said)
            else:
                bars.update(task, advance=count, note=said)

        yield advance


def run_summary(summary: "RunSummary") -> None:
    """The end of a run: the CSV, the funnel, what to try next; or why there is no CSV."""
    root = shlex.quote(str(summary.data_root))
    for note in summary.notes:
        say(f"note: {printable(note)}")
    if since := summary.nothing_new_since:
        say(f"Nothing new since the complete run of {since.astimezone():%Y-%m-%d %H:%M:%S}: no job was started.")
    if summary.error:
        fail(summary.error)
        kept = "Everything done so far is kept. " if summary.n_jobs_done else ""
        say(f"{kept}Look closer: {_program()} ui --data-root {root}")
        return
    if summary.csv is None:
        say(f"The shard lists are written, nothing is decoded. Their keys: {_program()} shards --open --data-root {root}")
        return
    from video_assets.core.funnel import funnel_from_counts, funnel_lines

    out = _Console(soft_wrap=True)
    out.print()
    for line in funnel_lines(funnel_from_counts(summary.kept, summary.dropped)):
        out.print(line)
    out.print(f"\ntraining CSV  {summary.csv}\nmanifest      {summary.manifest}\nreport        {summary.report}")
    program = _program()
    out.print("\nTry next:")
    out.print(f"  {program} why NAME --data-root {root}    why a clip is, or is not, in the CSV")
    out.print(f"  {program} look --data-root {root}        all clips in the browser: play them, filter, leave out")
    out.print(f"  {program} ui --data-root {root}          lineage, checks, plots, backfills in the browser")


def _program() -> str:
    """How this program was started, so that a line can be copied and works."""
    if shutil.which("video-assets"):
        return "video-assets"
    return shlex.quote(os.path.relpath(Path(sys.executable).with_name("video-assets")))


def explanations(found: "list[Explanation]", asked: str) -> None:
    """Each clip's way through the stages, up to where it ended."""
    out = _Console(soft_wrap=True)
    if not found:
        fail(f"no clip that was ever listed is called {asked!r} or has that in its key")
    for clip in found:
        step = clip.decisive
        out.print(f"{printable(clip.clip_key)}  {_STATUS[clip.status]}", style="bold")
        if clip.status != "kept":
            out.print(f"  {step.stage}: {step.reason or step.fate}" + (f" ({clip.meaning})" if clip.meaning else ""))
        for known in clip.steps:
            detail = printable(known.detail.replace("\n", "; "))
            out.print(f"    {known.stage:<18} {known.fate:<8} {known.reason:<22} {detail}".rstrip())
        out.print(f"    path               {printable(clip.path)}")
        if Path(step.file).exists():
            out.print(f"    said by            {step.file}")


_STATUS = {
    "kept": "is in the training CSV",
    "dropped": "is not in the training CSV",
    "waiting": "waits for the next run",
    "pending": "has not been through all stages yet",
}


def comparison(compared: "Comparison", *, every_row: bool) -> None:
    """How two versions of the table differ."""
    out = _Console(soft_wrap=True)
    diff = compared.diff
    out.print(f"before  {printable(str(compared.before))}  {diff.n_before:,} rows")
    out.print(f"after   {printable(str(compared.after))}  {diff.n_after:,} rows")
    columns = ", ".join(f"{name} {n:,}" for name, n in diff.changed_columns.items())
    out.print(f"added {len(diff.added):,}, dropped {len(diff.dropped):,}, changed {len(diff.changed[0]):,}", end="")
    out.print(f" ({columns})" if columns else "")
    order = "every row of before is where it was" if diff.is_append_only else f"the first {diff.stable_rows:,} rows are in place"
    out.print(order if diff.is_append_only or diff.is_order_kept else f"{order}; rows changed their order")
    examples = compared.rows() if every_row else compared.first_rows()
    for row in examples:
        values = "; ".join(f"{name}: {_short(row.before[name])} -> {_short(after)}" for name, after in row.after.items())
        out.print(f"  {row.change:<8} {printable(row.path)}" + (f"  {values}" if values else ""))


def planned_takedown(planned: "Takedown", *, left: set[str], as_json: bool) -> None:
    """What a take-down would remove; the files of the clips `left` lie where it touches nothing."""
    if as_json:
        plan = {
            "clips": [asdict(clip) for clip in planned.clips],
            "files_not_touched": sorted(left),
            "unmatched": planned.unmatched,
            "refused": planned.request.refused,
        }
        sys.stdout.write(json.dumps(plan) + "\n")
        return
    out = _Console(soft_wrap=True)
    for clip in planned.clips:
        out.print(f"would remove  {printable(clip.clip_key)}  {printable(clip.path)}  (by {printable(clip.cause)})")
        if clip.clip_key in left:
            out.print(f"NOT ITS FILE  {printable(clip.path)}  (it does not lie where clips may lie by the settings of now)")
    for line in planned.unmatched:
        out.print(f"no such clip  {printable(line)}  (kept out from now on: {printable(planned.request.keys_of(line))})")
    for line in planned.request.comments:
        out.print(f"comment       {printable(line)}")
    for line, why in planned.request.refused.items():
        out.print(f"NOT UNDERSTOOD  {printable(line)}  ({why})")
    if planned.clips:
        out.print("Exports that hold one of them would be removed as a whole, with what trainers cached in them.")
    out.print(f"{count(len(planned.clips), 'clips')}. Nothing was changed; with --yes all of this is removed permanently.")


def takedown_report(report: "TakedownReport", page: Path) -> None:
    """The end of a take-down."""
    out = _Console(soft_wrap=True)
    rows, versions = count(sum(report.versions.values()), "rows"), count(len(report.versions), "versions")
    out.print(f"{count(len(report.removals), 'clips')}, {rows} of {versions}")
    if report.exports:
        out.print(f"exports removed as a whole: {', '.join(report.exports)}")
    out.print(f"published without them: {report.published}")
    for line, keys in report.unmatched.items():
        out.print(f"no such clip  {printable(line)}  (kept out from now on: {printable(keys)})")
    for line, why in report.refused.items():
        out.print(f"NOT UNDERSTOOD  {printable(line)}  ({why})")
    if report.refused:
        lines = count(len(report.refused), "lines")
        fail(f"not complete: {lines} not understood; correct that and run the same command again")
    elif not report.is_complete:
        fail("not everything could be removed, see the end of the report; mend it and run the same command again")
    out.print(f"report  {page}")


def shards_table(states: "Iterable[ShardStatus]") -> None:
    """One line per shard, on stdout."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    for state in states:
        out.print(f"{state.shard}  {state.state:<8} {state.checked:>9,} of {state.clips:,} clips  {state.holder}".rstrip())


def _short(value: Any) -> str:
    return shorten(str(value), 60)


def clips_json(records: Iterable["ClipRecord"]) -> set[str]:
    """One JSON object per clip, on stdout, each at once; returns the verdicts that occurred."""
    verdicts: set[str] = set()
    for record in records:
        verdicts.add(record.verdict)
        try:
            sys.stdout.write(json.dumps(record.as_json) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _leave_without_reader(sys.stdout.fileno())
    return verdicts


def clips_table(records: Iterable["ClipRecord"]) -> set[str]:
    """One row per clip on stdout, also when Ctrl-C comes before the end; returns the verdicts that occurred."""
    from video_assets.checking.records import NOT_CHECKED

    table = Table(box=None, pad_edge=False)
    for name, justify in (("clip", "left"), ("verdict", "left"), ("reason", "left")):
        table.add_column(name, justify=justify, overflow="fold")
    for name in ("frames", "width", "height", "fps", "seconds", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("details", overflow="fold")
    verdicts: set[str] = set()
    troubles = []
    try:
        for record in records:
            verdicts.add(record.verdict)
            if record.verdict in NOT_CHECKED:
                troubles.append("; ".join(record.errors) or record.path)
            table.add_row(*_cells(record), style=None)
    finally:
        if table.row_count:
            _Console(width=None if sys.stdout.isatty() else 200).print(table)
    _say_what_was_not_checked(troubles)
    return verdicts


def _say_what_was_not_checked(troubles: list[str]) -> None:
    """Again and unfolded, where it is seen when the table goes to a file."""
    for trouble in troubles[:_MAX_TROUBLES]:
        fail(printable(trouble))
    if len(troubles) > _MAX_TROUBLES:
        fail(f"and {len(troubles) - _MAX_TROUBLES:,} more that could not be checked")


def _cells(record: "ClipRecord") -> list[str]:
    numbers = (record.num_frames, record.width, record.height, record.fps, record.duration_s)
    first_error = record.errors[0] if record.errors else ""
    return [
        printable(record.path),
        record.verdict,
        record.reason,
        *("" if value is None else f"{value:.6g}" for value in numbers),
        "" if record.file_size is None else str(record.file_size),
        printable(first_error),
    ]


def _leave_without_reader(descriptor: int) -> NoReturn:
    """The reader has gone, as `head` does: end as other programs of a pipe do, with an exit code that is no answer."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)  # what is still in buffers must not fail once more
    raise SystemExit(128 + signal.SIGPIPE)


def printable(path: str) -> str:
    """A path as text for people: what is no UTF-8 or no printable character is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in path)
