"""The command `what-if`: limits that are tried before they are set.

Its flags are the fields of `[select]`, so that whatever can be set can be tried.
Does not belong here: what comes of them (`what_if`), how it looks (`pages`).
"""

import inspect
import json
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from video_assets.cli import pages
from video_assets.cli.common import AsJson, DataRoot, exit_codes, find_data_root
from video_assets.core.errors import UsageError
from video_assets.settings import load_settings
from video_assets.settings.steps import Select
from video_assets.storage.layout import Layout

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

app = typer.Typer()

_Given = float | str | list[str]  # what typer makes of a flag


def _with_a_flag_for_each_limit(command: Callable[..., None]) -> Callable[..., None]:
    """The command with a flag for each field of `[select]` in place of its argument `limits`."""

    @wraps(command)
    def with_flags(**given: Any) -> None:
        told = {name: given.pop(name) for name in Select.model_fields}
        command(limits={name: value for name, value in told.items() if value is not None}, **given)

    own = [each for each in inspect.signature(command).parameters.values() if each.name != "limits"]
    flags = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_flag(field))
        for name, field in Select.model_fields.items()
    ]
    with_flags.__signature__ = inspect.Signature([*flags, *own])  # type: ignore[attr-defined]
    with_flags.__annotations__ = {each.name: each.annotation for each in [*flags, *own]}
    return with_flags


def _flag(field: "FieldInfo") -> Any:
    of_many: dict[Any, str] = {dict[str, float]: "NAME=NUMBER", tuple[str, ...]: "TEXT"}
    metavar = of_many.get(field.annotation)
    kind: Any = field.annotation if metavar is None else list[str] | None
    return Annotated[kind, typer.Option(help=field.description, metavar=metavar, show_default=False)]


@app.command("what-if")
@_with_a_flag_for_each_limit
def what_if(
    *,
    limits: Mapping[str, _Given],
    trainers: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="TRAINER", help="Trainers that must be able to take every clip.", show_default=False),
    ] = None,
    licences: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Licences that a clip may have.", show_default=False)
    ] = None,
    afresh: Annotated[bool, typer.Option("--afresh", help="Leave the limits out that [select] has now.")] = False,
    data_root: DataRoot = Path("data"),
    as_json: AsJson = False,
) -> None:
    """What other limits would make of the table.

    Shows both funnels, clips, hours and bytes. Reads tables, changes nothing.

    A limit that is not given stays as it is set. To keep what was tried, set it: `video-assets settings select.min_frames 51`;
    the next publication follows it, and nothing is decoded again.
    """
    from video_assets.what_if.what_if import what_if as try_limits
    from video_assets.what_if.what_if import with_limits

    with exit_codes():
        find_data_root(data_root)
        settings = load_settings()
        tried = with_limits(settings, {**limits, **_scores(limits)}, is_afresh=afresh, trainers=trainers, licences=licences)
        found = try_limits(Layout(settings.data_root), settings, tried)
    if as_json:
        typer.echo(json.dumps(found.as_record()))
    else:
        pages.what_if(found)


def _scores(limits: Mapping[str, _Given]) -> dict[str, dict[str, float]]:
    """The limits that are numbers by name.

    Raises:
        UsageError: one is not NAME=NUMBER; names the option.
    """
    given = {name: limits.get(name) for name in ("min_scores", "max_scores")}
    return {name: _by_name(f"--{name.replace('_', '-')}", texts) for name, texts in given.items() if isinstance(texts, list)}


def _by_name(option: str, texts: list[str]) -> dict[str, float]:
    """Numbers by name.

    Raises:
        UsageError: one is not NAME=NUMBER; names the option.
    """
    found = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise UsageError(f"{option} {text!r}: give NAME=NUMBER, as 'aesthetic score=5.0'")
    return found
