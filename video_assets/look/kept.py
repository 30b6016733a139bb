"""What the page made of the tables, kept below the data root, so that the next start need not make it again.

A copy is that of one state of the tables: its folder is called by a hash of their names, sizes and times. It counts when its list
of files is there, which is written last. The page itself reads files of its own machine (`look.files`).
Belongs here: bringing a copy and leaving one. Does not belong here: what is in it (`look.build`).
"""

import json
import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import xxhash

from video_assets.core.json_values import read_value
from video_assets.look.tables import Files
from video_assets.storage.durable import durable_write, write_text
from video_assets.storage.layout import Layout

_FORMAT = 1  # another number: older copies are made again
_LIST = "files.json"
log = logging.getLogger(__name__)


def fetch_kept(layout: Layout, files: Files, folder: Path) -> bool:
    """Copy what is kept of this state of the tables into `folder`; False when nothing whole is."""
    place = _place(layout, files)
    try:
        sizes = read_value(dict[str, int], json.loads((place / _LIST).read_text(encoding="utf-8")))
        for name in sizes:
            shutil.copyfile(place / Path(name).name, folder / Path(name).name)
        _check(folder, sizes)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        log.warning("%s: made again: %s", place, error)
        return False
    return True


def _check(folder: Path, sizes: Mapping[str, int]) -> None:
    for name, size in sizes.items():
        if (n_bytes := (folder / name).stat().st_size) != size:
            raise ValueError(f"{name} has {n_bytes:,} bytes, not {size:,}")


def keep(layout: Layout, files: Files, folder: Path) -> None:
    """Leave a copy of `folder`, in place of all older ones; without one where the data root cannot be written to."""
    place = _place(layout, files)
    try:
        made = sorted(file for file in folder.iterdir() if file.is_file())
        for file in made:
            if not _is_there(layout, files):
                return
            with durable_write(place / file.name) as copy, file.open("rb") as original:
                shutil.copyfileobj(original, copy, 1 << 20)
        if _is_there(layout, files):
            write_text(place / _LIST, json.dumps({file.name: file.stat().st_size for file in made}))
            for other in layout.look_tables.iterdir():
                if other != place:
                    shutil.rmtree(other, ignore_errors=True)
    except OSError as error:
        log.warning("%s is not kept, the next start reads the tables again: %s", place, error)
    finally:
        if not (place / _LIST).is_file() or not files.is_current:
            _remove(layout, place)


def _is_there(layout: Layout, files: Files) -> bool:
    """False when the storage went away, of which the mount point may be left, or when a take-down began."""
    return layout.root.is_dir() and files.is_current


def _remove(layout: Layout, place: Path) -> None:
    """A copy that is not whole, or of clips that are being taken down; and folders that it alone made."""
    shutil.rmtree(place, ignore_errors=True)
    with suppress(OSError):  # there are others in it, or it is not there
        for folder in (layout.look_tables, layout.look_tables.parent):
            folder.rmdir()


def _place(layout: Layout, files: Files) -> Path:
    root = f"{layout.root}/"
    state = [(path.removeprefix(root), *when) for path, *when in files.stamp]
    return layout.look_tables / xxhash.xxh3_128_hexdigest(json.dumps([_FORMAT, files.relative_to, state]).encode())
