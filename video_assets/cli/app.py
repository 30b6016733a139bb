"""The command `video-assets`: options to settings, results to the terminal, failures to exit codes.

Exit codes: 0 done, 1 a clip is bad or no CSV, 2 wrong usage, 3 a clip could not be checked, 4 somebody
else is at work, 130 Ctrl-C, 141 output to nobody.
Belongs here: commands. Does not belong here: work (`local` and the capabilities), how things look (`terminal`).
"""

import json
from contextlib import AbstractContextManager, closing, nullcontext
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from video_assets.cli import exporting, looking, miradata, pages, terminal, trying
from video_assets.cli import shards as shard_commands
from video_assets.cli.common import AsJson, DataRoot, Workers, exit_codes, find_data_root, use_data_root
from video_assets.cli.completion import InstallCompletion, ShowCompletion
from video_assets.core.units import count
from video_assets.interpreter import all_is_loaded, open_streams, settle
from video_assets.local.options import remember_options
from video_assets.settings import Settings, load_settings
from video_assets.settings.section import absolute
from video_assets.storage.durable import remove_old_drafts
from video_assets.storage.layout import Layout

if TYPE_CHECKING:
    from video_assets.local.forks import Forks
    from video_assets.local.server import StopRequests
    from video_assets.local.settings_file import Values
    from video_assets.local.summary import RunSummary
    from video_assets.storage.leases import Lease

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,  # those of `cli.completion` instead
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Raw video clips to a training table in which every clip decodes.",
    epilog="Start with: video-assets run --sample",
)
app.add_typer(looking.app)
app.add_typer(exporting.app)
app.add_typer(trying.app)
app.add_typer(miradata.app, name="miradata")

_CLIP_EXIT_CODES = (
    "Exit codes: 0 all passed; 1 a clip is bad; 2 wrong usage; 3 something could not be looked at, whatever the rest is."
)


def _no_empty_path(paths: list[str]) -> list[str]:
    if "" in paths:
        raise typer.BadParameter(f"argument {paths.index('') + 1} is empty; for the working directory say '.'")
    return paths


Paths = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Clips, or folders of clips.", show_default=False, callback=_no_empty_path)
]


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"video-assets {package_version('video_assets')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    _install: InstallCompletion = None,
    _show: ShowCompletion = None,
) -> None:
    """Raw video clips to a training table in which every clip decodes."""


@app.command()
def run(
    data_root: DataRoot = Path("data"),
    clips: Annotated[
        str | None, typer.Option(help="Folder of clips, searched recursively.", metavar="FOLDER", show_default=False)
    ] = None,
    no_clips: Annotated[bool, typer.Option("--no-clips", help="Forget the folder that is set.")] = False,
    captions: Annotated[
        str | None,
        typer.Option(help="Captions table: .csv, .tsv, .jsonl, .json or .parquet.", metavar="TABLE", show_default=False),
    ] = None,
    no_captions: Annotated[bool, typer.Option("--no-captions", help="Forget the table that is set.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Make and use the built-in sample clips.")] = False,
    max_file_size_mib: Annotated[
        float | None, typer.Option(help="Drop clips larger than this, MiB (default 50).", show_default=False)
    ] = None,
    shards: Annotated[
        int | None, typer.Option(min=1, help="Partitions of the decode check (default 24).", show_default=False)
    ] = None,
    workers: Workers = None,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Write the shard lists and stop: then `video-assets shard` can run anywhere.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and how long decoding would take; nothing is written.")
    ] = False,
    every_job: Annotated[
        bool, typer.Option("--every-job", help="Run all jobs, which look at every table, although nothing is new.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the training CSV from all enabled sources.

    The options are remembered in DATA_ROOT/video_assets.toml, so that the next run, the UI and its daemon use the same. Run
    it again at any time: only new and changed clips cost time, and when nothing changed no job is started. Ctrl-C loses nothing.
    """
    options: Values = {
        "own_clips": {"folder": _path("--clips", clips), "captions": _path("--captions", captions)},
        "filter": {"max_file_size_mib": max_file_size_mib},
        "decode": {"n_shards": shards, "workers": workers},
    }
    forget = [name for name, is_asked in (("own_clips.folder", no_clips), ("own_clips.captions", no_captions)) if is_asked]
    if dry_run:
        _forecast(data_root, options, forget, as_json=as_json)
        return
    with exit_codes():
        # Before Dagster is loaded: what is wrong is said within a second, and nothing of it is saved.
        remember_options(use_data_root(data_root), options, forget=forget, is_sample=sample)
        summary = _run(load_settings(), is_prepare_only=prepare_only, is_every_job=every_job)
    if as_json:
        typer.echo(json.dumps(summary.as_record()))
    else:
        terminal.run_summary(summary)
    raise typer.Exit(1 if summary.error else 0)


def _run(settings: Settings, *, is_prepare_only: bool, is_every_job: bool) -> "RunSummary":
    """Without Dagster, which takes seconds to load, when there is nothing to do."""
    from video_assets.local.nothing_new import nothing_new
    from video_assets.local.summary import summary_of

    if not (is_prepare_only or is_every_job) and (since := nothing_new(settings)):
        return summary_of(settings, nothing_new_since=since)
    from video_assets.local import run as local_run

    all_is_loaded()
    return local_run.run(settings, terminal=terminal.progress(), say=terminal.say, is_prepare_only=is_prepare_only)


def _forecast(data_root: Path, options: "Values", forget: list[str], *, as_json: bool) -> None:
    from video_assets.local.options import given_settings
    from video_assets.pipeline.forecast import forecast

    with exit_codes(stopped="stopped; nothing was written"):
        use_data_root(data_root)
        settings = given_settings(options, forget)
        found = forecast(Layout(settings.data_root), settings)
    if as_json:
        typer.echo(json.dumps(found.as_record()))
    else:
        pages.forecast(found)


@app.command()
def ui(
    data_root: DataRoot = Path("data"),
    host: Annotated[
        str, typer.Option(help="Address to listen on. Dagster has no login: think before you leave loopback.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web UI.")] = 3000,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look only: no daemon, no buttons.")] = False,
) -> None:
    """Start the web UI and the daemon on a data root. Ctrl-C stops both."""
    from video_assets.local.server import forked, only_daemon, require_free_port, stop_on_signals, url_of

    with exit_codes(stopped="stopped"):
        stop = stop_on_signals()
        host = host.strip("[]")  # as in an address of IPv6
        (find_data_root if read_only else use_data_root)(data_root)
        settings = load_settings()
        layout = Layout(settings.data_root)

        def place() -> AbstractContextManager["Lease | None"]:
            return nullcontext() if read_only else only_daemon(layout, url_of(host, port))

        with place():  # who is refused need not wait until Dagster is loaded
            require_free_port(host, port)
        with forked(is_read_only=read_only) as forks, place() as lease:
            _serve(settings, host, port, forks, stop, lease)


def _serve(settings: Settings, host: str, port: int, forks: "Forks", stop: "StopRequests", lease: "Lease | None") -> None:
    from video_assets.local.dagster_home import fail_dead_runs, other_users_history, prepare_home, project_file
    from video_assets.local.server import Server, serve

    layout = Layout(settings.data_root)
    home = prepare_home(layout, settings.dagster_home)
    if told := other_users_history(layout, home):
        terminal.say(told)
    if lease is not None and (dead := fail_dead_runs(home)):
        terminal.say(f"{len(dead)} runs were cut off when the last server ended; the daemon starts them again")
    if not settings.sources:
        terminal.say("no source of clips is set yet: `video-assets settings own_clips.folder FOLDER` sets one while this goes on")
    server = Server(layout, home, project_file("workspace.yaml"), host, port, is_read_only=lease is None)
    serve(server, forks, stop=stop, lease=lease, say=terminal.say, pinned=terminal.pinned)


@app.command(epilog=_CLIP_EXIT_CODES)
def check(paths: Paths, workers: Workers = None, as_json: AsJson = False) -> None:
    """Decode clips completely and say which are good."""
    _print_clips(paths, "decode", workers, as_json=as_json)


@app.command(epilog=_CLIP_EXIT_CODES)
def probe(paths: Paths, workers: Workers = None, as_json: AsJson = False) -> None:
    """Measure clips by container and packets, without decoding."""
    _print_clips(paths, "probe", workers, as_json=as_json)


@app.command()
def takedown(
    file: Annotated[Path, typer.Argument(help="List (a line each) or CSV of clip keys, paths, file names, URLs or source ids.")],
    data_root: DataRoot = Path("data"),
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this, only show what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove clips permanently, with a report for whoever asked.

    Files, rows and captions go, and the table is published without them. They never come back, under these names or with the same
    bytes, also those that no table knows yet. Exit code 1 when something could not be removed; run it again then.
    """
    from video_assets.local import run as local_run
    from video_assets.takedown.files import is_elsewhere
    from video_assets.takedown.take_down import plan_takedown, roots_of

    with exit_codes():
        layout = Layout(find_data_root(data_root))
        if not yes:
            planned = plan_takedown(layout, file)
            roots = roots_of(layout, load_settings())
            left = {clip.clip_key for clip in planned.clips if is_elsewhere(clip, roots)}
            terminal.planned_takedown(planned, left=left, as_json=as_json)
            raise typer.Exit(1 if planned.request.refused else 0)
        report, page = local_run.take_down(file, load_settings(), terminal=terminal.progress(), say=terminal.say)
    if as_json:
        typer.echo(json.dumps(report.as_record()))
    else:
        terminal.takedown_report(report, page)
    raise typer.Exit(0 if report.is_complete else 1)


@app.command("clean-up")
def clean_up(
    data_root: DataRoot = Path("data"),
    keep_days: Annotated[
        int | None, typer.Option(min=0, help="Default: automation.keep_runs_days (60).", show_default=False)
    ] = None,
) -> None:
    """Delete Dagster's old runs with their logs.

    Files that killed runs left half written go, too. The nightly job does the same. What assets,
    partitions and checks show stays.
    """
    from video_assets.local import run as local_run

    with exit_codes():
        find_data_root(data_root)
        settings = load_settings()
        days = settings.automation.keep_runs_days if keep_days is None else keep_days
        done = local_run.clean_up_history(settings, keep_days=days)
        n_drafts = remove_old_drafts(Layout(settings.data_root))
    typer.echo(
        f"{done.runs:,} runs, {done.check_results:,} check results, {done.backfills:,} backfills deleted; "
        f"{done.kept_old_runs:,} old runs kept, since something stands on them; "
        f"{count(n_drafts, 'drafts')} of killed runs deleted"
    )


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    broken: Annotated[
        bool, typer.Option("--broken", help="The broken-clip kit: about a thousand damaged and odd clips.")
    ] = False,
) -> None:
    """Write the built-in sample clips with their captions.

    Or, with --broken, the broken-clip kit with the verdicts that are expected.
    """
    from video_assets.samples.broken.kit import make_broken_kit
    from video_assets.samples.demo.make import make_sample

    with exit_codes():
        made = make_broken_kit(folder) if broken else make_sample(folder).captions
    typer.echo(str(made))


def _print_clips(paths: list[str], step: Literal["decode", "probe"], workers: int | None, *, as_json: bool) -> None:
    from video_assets.checking.records import clip_records, exit_code

    with exit_codes(failed=3, stopped="stopped; clips without a line were not looked at to the end"):
        settings = load_settings().decode
        settings = settings if workers is None else settings.model_copy(update={"workers": workers})
        with closing(clip_records(map(Path, paths), step=step, settings=settings, progress=terminal.progress())) as records:
            verdicts = terminal.clips_json(records) if as_json else terminal.clips_table(records)
    raise typer.Exit(exit_code(verdicts))


def _path(option: str, given: str | None) -> str | None:
    if given is None:
        return None
    if not given:
        raise typer.BadParameter(f"it is empty; --no-{option.removeprefix('--')} forgets what is set", param_hint=option)
    return str(absolute(Path(given)))


app.command("probe-new")(shard_commands.probe_new)
app.command("shard")(shard_commands.check)
app.command("shards")(shard_commands.show)


def main() -> None:
    """The program."""
    open_streams()
    settle()
    app()


if __name__ == "__main__":
    main()
