"""Commands that look at a data root: look, why, diff, status, settings; and at settings that are to come: check-settings.

Does not belong here: what they find (`explain`, `publish`, `pipeline`), how it looks (`terminal`).
"""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from video_assets.cli import pages, terminal
from video_assets.cli.common import AsJson, DataRoot, exit_codes, find_data_root, use_data_root
from video_assets.core.errors import UsageError
from video_assets.settings import load_settings
from video_assets.storage.layout import Layout

app = typer.Typer()
_LOOK_AGAIN_S = 5.0


@app.command()
def why(
    clip: Annotated[str, typer.Argument(help="Clip key, path, file name, or a part of one.")],
    data_root: DataRoot = Path("data"),
    as_json: AsJson = False,
) -> None:
    """What happened to a clip, where, and FFmpeg's own words. Exit code 1 when it was never listed."""
    from video_assets.explain.why import explain

    with exit_codes():
        find_data_root(data_root)
        settings = load_settings()
        explanations = explain(Layout(settings.data_root), settings, clip)
    if as_json:
        for explanation in explanations:
            typer.echo(json.dumps(explanation.as_record()))
    else:
        terminal.explanations(explanations, clip)
    raise typer.Exit(0 if explanations else 1)


@app.command()
def look(
    data_root: DataRoot = Path("data"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; others reach it only with the token in the URL.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")] = 3001,
    edit: Annotated[bool, typer.Option("--edit", help="Let the page write exclude.csv; it only shows otherwise.")] = False,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="VIDEO_ASSETS_LOOK_TOKEN", help="Token for other addresses; made up when left out.", show_default=False
        ),
    ] = None,
) -> None:
    """Show all clips on a page: filter them, play them, see why.

    The page has the kept and the dropped ones. Ctrl-C stops it.
    """
    from video_assets.look.serve import place_of, serve

    with exit_codes(stopped="stopped looking"):
        layout = Layout(use_data_root(data_root))
        if not layout.root.is_dir():
            raise UsageError(f"{layout.root} is not there. Is --data-root right? `video-assets run` makes it")
        serve(layout, load_settings, place_of(host, port, token=token), can_edit=edit, say=terminal.say)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="latest, previous, a version's number, or a .csv or .parquet file.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The later one.")],
    data_root: DataRoot = Path("data"),
    rows: Annotated[bool, typer.Option("--rows", help="Name every clip that differs, not only the first ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """What changed between two versions of the training CSV.

    Clips that were added, dropped or changed. Exit code 1 when anything did.
    """
    from video_assets.publish.compare import compare_tables
    from video_assets.publish.versions import find_table

    with exit_codes():
        layout = Layout(find_data_root(data_root))
        compared = compare_tables(find_table(layout, before), find_table(layout, after))
        if as_json:
            typer.echo(json.dumps({"before": str(compared.before), "after": str(compared.after), **asdict(compared.diff.counts)}))
            for row in compared.rows() if rows else ():
                typer.echo(json.dumps(row.as_json()))
        else:
            terminal.comparison(compared, every_row=rows)
    raise typer.Exit(1 if compared.diff.is_different else 0)


@app.command()
def status(
    data_root: DataRoot = Path("data"),
    watch: Annotated[bool, typer.Option("--watch", help="Look again every few seconds, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """How far everything is, and who works on what.

    Stages and shards, how fast they go, what is left, when the next schedules tick.
    """
    from video_assets.explain.status import look
    from video_assets.local.status import look_at_dagster

    with exit_codes(stopped="stopped looking; what runs goes on"):
        layout, known = Layout(find_data_root(data_root)), load_settings()
        while True:
            found, activity = look(layout, known), look_at_dagster(layout, known)
            if as_json:
                typer.echo(json.dumps({**found.as_record(), "dagster": activity.as_record()}))
            else:
                pages.status(found, activity, is_again=watch)
            if not watch:
                return
            time.sleep(_LOOK_AGAIN_S)


def _no_option(given: str | None) -> str | None:
    """As an argument: a negative number is none of the options that do not exist."""
    if given is not None and given.startswith("-") and not given[1:2].isdigit():
        raise typer.BadParameter(f"""no such option: {given}; a text that begins with - needs quotes: '"{given}"'""")
    return given


@app.command(context_settings={"ignore_unknown_options": True})  # -1 is a value
def settings(
    key: Annotated[
        str | None, typer.Argument(help="As decode.n_shards; all when left out.", show_default=False, callback=_no_option)
    ] = None,
    value: Annotated[
        str | None,
        typer.Argument(help="Set it, in DATA_ROOT/video_assets.toml; as in TOML, quotes may be left out.", callback=_no_option),
    ] = None,
    data_root: DataRoot = Path("data"),
    unset: Annotated[bool, typer.Option("--unset", help="Forget it: the default counts again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show settings with their origins; set or forget one."""
    from video_assets.local.options import change_setting
    from video_assets.settings.origins import list_settings

    with exit_codes():
        if unset and (key is None or value is not None):
            raise UsageError("--unset takes a key and no value: video-assets settings decode.n_shards --unset")
        use_data_root(data_root)
        if key is not None and (unset or value is not None):
            change_setting(key, value)
        found = list_settings(load_settings(), key)
    if as_json:
        typer.echo(json.dumps([setting.as_record() for setting in found]))
    else:
        pages.settings_table(found)


@app.command("check-settings")
def check_settings(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A settings file, video_assets.toml.")],
    instead_of: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The one in use, in $DAGSTER_HOME: may it be replaced now?", show_default=False),
    ] = None,
) -> None:
    """Say whether a settings file can be used. Exit code 2 when not, with a line that says why."""
    from video_assets.local.release import check_settings as check
    from video_assets.local.release import refuse_new_shards_at_work

    with exit_codes():
        check(file)
        if instead_of is not None and instead_of.exists():
            refuse_new_shards_at_work(instead_of, file)
    typer.echo(f"{file}: no objection")
