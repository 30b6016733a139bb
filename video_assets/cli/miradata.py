"""The commands below `video-assets miradata`.

Belongs here: their options and words. Does not belong here: what they do (`sources.miradata`).
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from video_assets.cli import terminal
from video_assets.cli.common import AsJson, DataRoot, exit_codes, use_data_root
from video_assets.settings import load_settings
from video_assets.storage.layout import Layout

app = typer.Typer(no_args_is_help=True, help="MiraData: what can be had of it.")


@app.callback()
def miradata() -> None:
    """MiraData: what can be had of it."""


@app.command()
def survey(
    sample: Annotated[int, typer.Option(min=1, help="Web videos to ask for, of each site.")] = 500,
    data_root: DataRoot = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Ask a random sample of web videos whether they can be had, without downloading any.

    Goes on where it stopped; nobody is asked twice for the same web video. Exit codes: 0 done, 1 it failed, 2 wrong usage.
    """
    from video_assets.sources.miradata.listing import refresh_listing
    from video_assets.sources.miradata.rules.survey import as_markdown
    from video_assets.sources.miradata.survey import survey as ask

    with exit_codes():
        use_data_root(data_root)
        settings = load_settings()
        layout = Layout(settings.data_root)
        refresh_listing(layout, settings.miradata)
        sites = ask(layout, settings, n_per_site=sample, progress=terminal.progress())
    typer.echo(json.dumps([asdict(site) for site in sites]) if as_json else as_markdown(sites))
