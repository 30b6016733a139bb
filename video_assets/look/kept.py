"""What the page made of the tables, kept below the data root, so that the next start need not make it again.

A copy is that of one state of the tables: its folder is called by a hash of their names, sizes and times. It counts when its list
of files is there, which is written last, and their hashes are those of the list. The page itself reads files of its own machine
(`look.files`).
Belongs here: bringing a copy and leaving one. Does not belong here: what is in it (`look.build`).
"""

import json
import logging
import shutil
from contextlib import suppress
from pathlib import Path

import xxhash

from video_assets.core.json_values import read_value
from video_assets.look.tables import Files
from video_assets.storage.durable import durable_write, hash_file, write_text
from video_assets.storage.layout import Layout

_FORMAT = 2  # another number: older copies are made again
_LIST = "files.json"
log = logging.getLogger(__name__)


def fetch_kept(layout: Layout, files: Files, folder: Path) -> bool:
    """Copy what is kept of this state of the tables into `folder`; False when nothing whole is."""
    place = _place(layout, files)
    try:
        hashes = read_value(dict[str, str], json.loads((place / _LIST).read_text(encoding="utf-8")))
        for name in hashes:
            shutil.copyfile(place / Path(name).name, folder / Path(name).name)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        log.warning("%s: made again: %s", place, error)
        return False
    damaged = [name for name, content_hash in hashes.items() if hash_file(folder / Path(name).name) != content_hash]
    if damaged:
        log.warning("%s: made again: %s is damaged", place, damaged[0])
    return not damaged


def keep(layout: Layout, files: Files, folder: Path) -> None:
    """Leave a copy of `folder`, in place of all older ones; without one where the data root cannot be written to."""
    place = _place(layout, files)
    try:
        if _copy(layout, files, folder, place):
            for other in layout.look_tables.iterdir():
                if other != place:
                    shutil.rmtree(other, ignore_errors=True)
    except OSError as error:
        log.warning("%s is not kept, the next start reads the tables again: %s", place, error)
    finally:
        if not (place / _LIST).is_file() or not files.is_current:
            _remove(layout, place)


def _copy(layout: Layout, files: Files, folder: Path, place: Path) -> bool:
    """False where the tables went away or changed before the end."""
    made = sorted(file for file in folder.iterdir() if file.is_file())
    # A damaged copy, or what a kill left of one.
    shutil.rmtree(place, ignore_errors=True)
    for file in made:
        if not _is_there(layout, files):
            return False
        with durable_write(place / file.name) as copy, file.open("rb") as original:
            shutil.copyfileobj(original, copy, 1 << 20)
    if not _is_there(layout, files):
        return False
    write_text(place / _LIST, json.dumps({file.name: hash_file(file) for file in made}))
    return True


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
