"""Commands that prepare a training run: export.

Does not belong here: formats (`exports`), how things look (`pages`, `terminal`).
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from video_assets.cli import terminal
from video_assets.cli.common import AsJson, DataRoot, exit_codes, find_data_root
from video_assets.core.consumers import CONSUMERS
from video_assets.core.errors import UsageError
from video_assets.core.units import share
from video_assets.settings import load_settings
from video_assets.storage.layout import Layout

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
        list[str] | None, typer.Option(help="A reason that leaves nothing out, for example rotated.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the newest version in a trainer's format to DATA_ROOT/exports/TARGET; says what was left out and why."""
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
        given: dict[str, Any] = {
            "links": links,
            "shard_mib": shard_mib,
            "min_frames": min_frames,
            "allowed": tuple(allow) if allow else None,
        }
        options = replace(options_of(settings), **{name: value for name, value in given.items() if value is not None})
        exported = write(Layout(settings.data_root), settings, target, options)
    if as_json:
        typer.echo(json.dumps({"folder": str(exported.folder), "is_new": exported.is_new, **exported.manifest}))
        return
    manifest = exported.manifest
    state = "written" if exported.is_new else "unchanged"
    typer.echo(f"{exported.folder} ({state}, version {manifest['version']}): {exported.n_kept:,} of {manifest['rows']:,} clips")
    for reason, clips in exported.left_out.items():
        typer.echo(f"  left out  {clips:,} {reason} ({share(clips, manifest['rows'])})")
    for what, rows in manifest["repaired"].items():
        typer.echo(f"  repaired  {rows:,} {what}")
    if exported.left_out:
        terminal.say(f"each with its reason in {exported.folder / 'left_out.parquet'}")


def _list(*, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({name: consumer.description for name, consumer in CONSUMERS.items()}))
        return
    width = max(map(len, CONSUMERS))
    for name, consumer in CONSUMERS.items():
        typer.echo(f"{name:<{width}}  {consumer.description}")
