"""The settings file of a data root: what the command line was told is remembered there, so that UI and daemon see the same.

Belongs here: editing that file with its comments kept, and whether somebody has edited it. Does not belong here: what settings
exist (`settings`).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import ParseError

from video_assets.settings.model import SettingsFileError
from video_assets.storage.durable import write_text

Values = Mapping[str, Mapping[str, str | float | Path | None]]
"""Values by section and field, as settings take them; those under "" belong to no section. None: not given."""

_HEAD = "Settings of this data root; `video-assets run` remembers its options here. All fields: docs/settings.md"


def remember(path: Path, values: Values, *, forget: Iterable[str] = ()) -> bool:
    """Set `values[section][field]` in the file, take out `forget` ("section.field"), keep the rest. True when the file changed.

    Raises:
        SettingsFileError: the file is there and is not TOML.
    """
    document = _read(path)
    before = tomlkit.dumps(document)
    for section, fields in values.items():
        table = document.setdefault(section, tomlkit.table()) if section else document
        for name, value in fields.items():
            if table.get(name) != value:
                table[name] = value
    for key in forget:
        section, _, name = key.rpartition(".")
        (document.get(section, {}) if section else document).pop(name, None)
    text = tomlkit.dumps(document)
    if text == before:
        return False
    write_text(path, text)
    return True


def stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever the file is written: inode, time in ns, bytes; None while it is not there or cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read(path: Path) -> tomlkit.TOMLDocument:
    if not path.exists():
        document = tomlkit.document()
        document.add(tomlkit.comment(_HEAD))
        return document
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except (ParseError, UnicodeDecodeError) as error:
        raise SettingsFileError(f"{path}: not a TOML file: {error}; mend or delete it") from error
