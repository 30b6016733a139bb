"""The commands `probe-new`, `shard` and `shards`: work without Dagster, for ssh, GNU parallel, or a scheduler of any kind.

All they need is on the shared storage: ledgers, lists, settings, leases. What they do, a run of Dagster finds and reports.
Belongs here: those commands. Does not belong here: checking (`pipeline`), a job array of our own (`slurm`).
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from video_assets.cli import terminal
from video_assets.cli.common import AsJson, DataRoot, Workers, exit_codes, find_data_root
from video_assets.core.errors import UsageError
from video_assets.core.sharding import shard_keys
from video_assets.core.units import count
from video_assets.settings import load_settings
from video_assets.storage.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from video_assets.pipeline.shard import ShardOutcome
    from video_assets.settings.model import Settings
    from video_assets.settings.steps import Decode

HELD = 4


def probe_new(data_root: DataRoot = Path("data"), workers: Workers = None, as_json: AsJson = False) -> None:
    """Measure new clips that nobody else is at work on.

    Without Dagster: this is one more machine at work on a data root whose clips are listed. Start it on as many as you like while
    `video-assets run` probes, or before; that run waits for what they have begun, and takes it.

    Exit codes: 0 nothing is left that nobody is at work on, 1 clips could not be read here or nothing is listed, 2 wrong usage,
    130 told to stop (Ctrl-C, SIGTERM): what is measured is kept, and the same command goes on from there.
    """
    from video_assets.pipeline import probing
    from video_assets.workers.memory import table_bytes

    with exit_codes():
        layout, settings = _opened(data_root)
        helped = probing.probe_new(
            layout,
            settings.sources,
            settings=_with_workers(settings, workers),
            progress=terminal.progress(),
            memory_bytes=table_bytes(settings.tables.memory_mib),
        )
    if as_json:
        typer.echo(json.dumps(asdict(helped)))
        return
    typer.echo(f"{count(helped.n_probed, 'clips')} probed now" + ("" if helped.held else "; no new clip is left to probe"))
    for part, holder in helped.held.items():
        typer.echo(f"{part}  held by {holder}")


def check(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Shards, as `video-assets shards` names them.")],
    data_root: DataRoot = Path("data"),
    wait: Annotated[bool, typer.Option("--wait", help="Wait for shards that somebody else is at work on.")] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Decode the clips of shards that have no verdict yet.

    Without Dagster: this is one more machine at work on a data root.

    Exit codes: 0 all are complete, 1 one is not (it says why), 2 wrong usage, 4 somebody else works on one, 130 told to stop
    (Ctrl-C, SIGTERM): what is decided is kept, and the same command goes on from there.
    """
    outcomes = []
    with exit_codes():
        layout, settings = _opened(data_root)
        _refuse_unknown(keys, settings)
        for outcome in _outcomes(layout, keys, settings, workers=workers, is_waiting=wait):
            outcomes.append(outcome)
            _tell(outcome, as_json=as_json)
    raise typer.Exit(_exit_code(outcomes))


def show(
    data_root: DataRoot = Path("data"),
    only_open: Annotated[bool, typer.Option("--open", help="Keys of those that are not checked, one a line.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Keys of all, one a line.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the shards of a data root and who works on them.

    With each: how many clips it has, and whether they are checked.
    """
    from video_assets.explain.status import look_at_shards
    from video_assets.pipeline.decode_check import require_lists

    with exit_codes():
        if only_open and every:
            raise UsageError("--open and --all are two questions: give one")
        layout, settings = _opened(data_root)
        require_lists(layout, shard_keys(settings.decode.n_shards))
        states = [state for state in look_at_shards(layout, settings) if state.state != "complete" or not only_open]
    if as_json:
        for state in states:
            typer.echo(json.dumps(asdict(state)))
    elif only_open or every:
        for state in states:
            typer.echo(state.shard)
    else:
        terminal.shards_table(states)


def _opened(data_root: Path) -> "tuple[Layout, Settings]":
    find_data_root(data_root)
    settings = load_settings()
    return Layout(settings.data_root), settings


def _refuse_unknown(keys: list[str], settings: "Settings") -> None:
    known = set(shard_keys(settings.decode.n_shards))
    if unknown := [key for key in keys if key not in known]:
        raise UsageError(
            f"{unknown[0]!r} is no shard: decode.n_shards is {settings.decode.n_shards}, so they are called "
            f"{min(known)} to {max(known)}; `video-assets shards` shows them"
        )


def _outcomes(
    layout: Layout, keys: list[str], settings: "Settings", *, workers: int | None, is_waiting: bool
) -> "Iterator[ShardOutcome]":
    from video_assets.pipeline.decode_check import check_shards
    from video_assets.pipeline.node_notes import note_workplace

    decode = _with_workers(settings, workers)
    keys = list(dict.fromkeys(keys))
    for outcome in check_shards(layout, keys, settings=decode, progress=terminal.progress(), run_id="", is_waiting=is_waiting):
        note_workplace(layout, outcome)
        yield outcome


def _with_workers(settings: "Settings", workers: int | None) -> "Decode":
    return settings.decode if workers is None else settings.decode.model_copy(update={"workers": workers})


def _tell(outcome: "ShardOutcome", *, as_json: bool) -> None:
    status = _status(outcome)
    if as_json:
        typer.echo(json.dumps({"status": status, **asdict(outcome)}))
    elif outcome.failure:
        terminal.fail(f"{outcome.shard}  {status}: {outcome.failure}")
    else:
        typer.echo(
            f"{outcome.shard}  {status}  {outcome.n_clips:,} clips, {outcome.n_decoded:,} decoded now, {outcome.n_kept:,} kept"
        )


def _status(outcome: "ShardOutcome") -> str:
    from video_assets.pipeline.shard import HeldShard

    return "held" if isinstance(outcome, HeldShard) else "incomplete" if outcome.failure else "complete"


def _exit_code(outcomes: "list[ShardOutcome]") -> int:
    found = {_status(outcome) for outcome in outcomes}
    return 1 if "incomplete" in found else HELD if "held" in found else 0
