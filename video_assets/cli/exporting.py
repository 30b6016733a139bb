"""Commands that prepare a training run: export, census.

Does not belong here: formats (`exports`), how things look (`pages`, `terminal`).
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from video_assets.cli import pages, terminal
from video_assets.cli.common import AsJson, DataRoot, exit_codes, find_data_root
from video_assets.core.consumers import CONSUMERS
from video_assets.core.errors import UsageError
from video_assets.core.units import share
from video_assets.settings import load_settings
from video_assets.storage.layout import Layout

if TYPE_CHECKING:
    from video_assets.exports.export import Exported

app = typer.Typer()


@app.command()
def export(
    target: Annotated[str | None, typer.Argument(help="What to write for; --list shows all.", show_default=False)] = None,
    *,
    data_root: DataRoot = Path("data"),
    show_list: Annotated[bool, typer.Option("--list", help="List the targets.")] = False,
    links: Annotated[
        Literal["hard", "symbolic", "copy"] | None,
        typer.Option(help="How clips get into the folder (default: exports.links).", show_default=False),
    ] = None,
    shard_mib: Annotated[int | None, typer.Option(min=1, help="MiB of clips per archive.", show_default=False)] = None,
    min_frames: Annotated[int | None, typer.Option(min=0, help="Leave clips with fewer frames out.", show_default=False)] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="REASON", help="A reason that leaves nothing out, for example rotated.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the newest version in the format of a trainer.

    To DATA_ROOT/exports/TARGET; says what was left out and why. Exit code 1 when no clip is left.
    """
    if show_list:
        _list(as_json=as_json)
        return
    from video_assets.exports.export import export as write
    from video_assets.exports.export import options_of

    with exit_codes():
        if target is None:
            raise UsageError(f"which target? There are: {', '.join(CONSUMERS)}")
        find_data_root(data_root)
        settings = load_settings()
        known = options_of(settings)
        options = replace(
            known,
            links=links or known.links,
            shard_mib=shard_mib or known.shard_mib,
            min_frames=known.min_frames if min_frames is None else min_frames,
            allowed=tuple(allow) if allow else known.allowed,
        )
        exported = write(Layout(settings.data_root), settings, target, options)
    if as_json:
        typer.echo(json.dumps({"folder": str(exported.folder), "is_new": exported.is_new, **exported.manifest}))
    else:
        _say(exported)
    if not exported.n_kept:
        reasons = exported.folder / "left_out.parquet"
        terminal.fail(f"no clip is left for {target}, so there is nothing to train on; {reasons} says why of each")
        raise typer.Exit(1)


def _say(exported: "Exported") -> None:
    manifest = exported.manifest
    state = "written" if exported.is_new else "unchanged"
    typer.echo(f"{exported.folder} ({state}, version {manifest['version']}): {exported.n_kept:,} of {manifest['rows']:,} clips")
    for reason, clips in exported.left_out.items():
        typer.echo(f"  left out  {clips:,} {reason} ({share(clips, manifest['rows'])})")
    for what, rows in manifest["repaired"].items():
        typer.echo(f"  repaired  {rows:,} {what}")
    if exported.left_out and exported.n_kept:
        terminal.say(f"each with its reason in {exported.folder / 'left_out.parquet'}")


def _list(*, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({name: consumer.description for name, consumer in CONSUMERS.items()}))
        return
    width = max(map(len, CONSUMERS))
    for name, consumer in CONSUMERS.items():
        typer.echo(f"{name:<{width}}  {consumer.description}")


@app.command()
def census(
    trainer: Annotated[str, typer.Argument(help="open-sora-2.0, wan-2.1, ...; an unknown one lists all.")],
    *,
    data_root: DataRoot = Path("data"),
    frames: Annotated[str | None, typer.Option(help="Numbers of frames, as 49,81.", show_default=False)] = None,
    fps: Annotated[float | None, typer.Option(help="Frame rate that the model wants.", show_default=False)] = None,
    size: Annotated[str | None, typer.Option(help="Width x height, as 832x480.", show_default=False)] = None,
    config: Annotated[Path | None, typer.Option(help="The trainer's own config, .toml or .json.", show_default=False)] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Clips in a batch, on all GPUs together.")] = 1,
    picture: Annotated[Path | None, typer.Option("--png", help="Write a picture there.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a trainer will do with the newest version.

    Clips per bucket, what falls out and why, batches per epoch.
    """
    from video_assets.census.census import take_census
    from video_assets.census.picture import census_png
    from video_assets.census.presets import Wanted, read_config
    from video_assets.storage.durable import durable_write

    with exit_codes():
        layout = Layout(find_data_root(data_root))
        sides = _numbers("--size", size, "x", 2) if size else None
        wanted = Wanted(
            _numbers("--frames", frames, ",", None) if frames else (),
            fps,
            (sides[0], sides[1]) if sides else None,
            read_config(config) if config else None,
        )
        found = take_census(layout, trainer, wanted, batch_size=batch_size)
        if picture is not None:
            with durable_write(picture) as file:
                file.write(census_png(found))
    if as_json:
        typer.echo(json.dumps(found.as_record))
    else:
        pages.census(found)


def _numbers(option: str, text: str, between: str, n_wanted: int | None) -> tuple[int, ...]:
    parts = text.split(between)
    if not all(part.strip().isdecimal() and int(part) for part in parts) or (n_wanted and len(parts) != n_wanted):
        raise UsageError(f"{option} {text!r}: give whole numbers above 0 with {between!r} between them")
    return tuple(map(int, parts))
