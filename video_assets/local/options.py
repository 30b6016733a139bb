"""Options and single settings on their way into the settings file: checked first, saved then.

What is wrong is said before Dagster is loaded, and nothing of it is saved: the UI and the nightly jobs read the same file.
Belongs here: that order, and what own clips need before anything can come of them. Does not belong here: the file
(`settings_file`), the fields (`settings`).
"""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError

from video_assets.core.errors import UsageError
from video_assets.local.settings_file import Values, remember
from video_assets.settings.model import Settings, settings_file
from video_assets.settings.problems import field_of
from video_assets.settings.sources import OwnClips

_MAX_ENTRIES = 20_000  # of a folder that is looked through for a first caption


def remember_options(root: Path, options: Values, *, forget: Iterable[str] = (), is_sample: bool = False) -> None:
    """Save the options that were given, and forget others; with `is_sample` make the sample and use it.

    Raises:
        UsageError: an option is wrong, or they do not go together; nothing was saved.
        pydantic.ValidationError: a value that is not allowed; nothing was saved.
        SettingsFileError: the settings file cannot be read.
    """
    given = {name: {k: v for k, v in fields.items() if v is not None} for name, fields in options.items()}
    given, forget = {name: fields for name, fields in given.items() if fields}, set(forget)
    for key in sorted(forget):
        section, _, name = key.rpartition(".")
        if name in given.get(section, {}):
            raise UsageError(f"{key} is given and to be forgotten: leave one of the two options away")
    if is_sample:
        given = _with_sample(root, given)
    if given or forget:
        check_settings(given, forget)
        remember(settings_file(), given, forget=forget)


def given_settings(options: Values, forget: Iterable[str] = ()) -> Settings:
    """The settings with these options, checked and not saved.

    Raises:
        UsageError, pydantic.ValidationError: they would not work.
    """
    given = {name: {k: v for k, v in fields.items() if v is not None} for name, fields in options.items()}
    return check_settings({name: fields for name, fields in given.items() if fields}, set(forget))


def change_setting(key: str, value: str | None) -> None:
    """Save one setting, or with None forget it; a running UI takes it up within seconds.

    Raises:
        UsageError: there is no such setting, or its value would be of no use; nothing was saved.
        pydantic.ValidationError: a value that is not allowed; nothing was saved.
    """
    section, name = field_of(key)
    if value is None:
        check_settings({}, {key})
        remember(settings_file(), {}, forget=[key])
        return
    values = {section: {name: _parsed(value)}}
    check_settings(values, set())
    remember(settings_file(), values)


def check_settings(given: Values, forget: set[str]) -> Settings:
    """The settings that would count with these values; those under "" belong to no section.

    Raises:
        UsageError, pydantic.ValidationError: they would not work.
    """
    forgotten = {key.rpartition(".")[0]: {key.rpartition(".")[2]: None} for key in forget if key.startswith("own_clips.")}
    merged: Any = {**given, **{name: {**fields, **given.get(name, {})} for name, fields in forgotten.items()}}
    settings = Settings(**merged.pop("", {}), **merged)
    if "own_clips" in merged:
        check_own_clips(settings.own_clips)
    return settings


def check_own_clips(own: OwnClips) -> None:
    """What can be seen within a second: the folder, the table with its columns, whether there is any caption.

    Raises:
        UsageError: names what is wrong.
    """
    if own.folder is not None:
        _require_folder(own.folder)
    if own.captions is not None:
        _require_table(own)
    elif own.folder is not None:
        _require_captions(own, own.folder)


def _require_folder(folder: Path) -> None:
    try:
        with os.scandir(folder):
            return
    except FileNotFoundError:
        raise UsageError(f"{folder}: no such folder of clips; is the name right, is its disk mounted?") from None
    except NotADirectoryError:
        raise UsageError(f"{folder}: this is a file; --clips takes a folder (a table of captions is --captions)") from None
    except OSError as error:
        raise UsageError(f"{folder}: the folder of clips cannot be read: {error.strerror}") from error


def _require_table(own: OwnClips) -> None:
    """Each table that is named can be opened, and its first row has a path and a caption."""
    from video_assets.core.errors import SourceError
    from video_assets.sources.own_clips.caption_tables import TableOptions, read_captions, tables_named

    options = TableOptions(own.path_column, own.caption_columns, own.encoding, own.path_template)
    try:
        for table in tables_named(own.captions or Path()):
            next(read_captions(table, options=options, notes=[]), None)
    except SourceError as error:
        raise UsageError(str(error)) from error


def _require_captions(own: OwnClips, folder: Path) -> None:
    """Refused only when the whole folder was looked at, holds clips, and nothing beside them that could be captions."""
    from video_assets.sources.own_clips.caption_tables import is_table
    from video_assets.sources.own_clips.scan import METADATA_NAMES, SHARD_SUFFIX
    from video_assets.sources.own_clips.sidecars import SUFFIXES

    n_clips, n_seen, tables = 0, 0, list[Path]()
    for parent, _, names in os.walk(folder, followlinks=True):
        n_seen += len(names)
        others = [name for name in names if not name.lower().endswith(own.suffixes)]
        is_found = any(name in METADATA_NAMES or name.lower().endswith((*SUFFIXES, SHARD_SUFFIX)) for name in others)
        if is_found or n_seen > _MAX_ENTRIES:
            return
        n_clips += len(names) - len(others)
        tables += [Path(parent, name) for name in others if is_table(name)]
    if n_clips:
        found = f" (is it {shlex.quote(str(tables[0]))}?)" if tables else ""
        raise UsageError(
            f"{folder}: no clip has a caption, so none could be in the training CSV. Put NAME.txt beside NAME.mp4, "
            f"or give a table (--captions, setting own_clips.captions){found}"
        )


def _with_sample(root: Path, given: Values) -> Values:
    from video_assets.samples.demo.make import SAMPLE_MAX_FILE_SIZE_MIB, make_sample

    if given.get("own_clips"):
        raise UsageError("--sample brings clips and captions of its own: leave --clips and --captions away, or --sample")
    used = Settings().own_clips
    if used.is_enabled and used.folder != root / "sample":
        known = shlex.quote(str(used.folder or used.captions))
        raise UsageError(
            f"the sample needs a data root of its own: {root} has the clips of {known}. Give another with --data-root"
        )
    made = make_sample(root / "sample")
    own = {"folder": str(made.clips), "captions": str(made.captions)}
    return {**given, "own_clips": own, "filter": {"max_file_size_mib": SAMPLE_MAX_FILE_SIZE_MIB, **given.get("filter", {})}}


def _parsed(value: str) -> Any:
    """As TOML says it; what is no TOML value is text."""
    try:
        return tomlkit.parse(f"value = {value}").unwrap()["value"]
    except ParseError:
        return value
