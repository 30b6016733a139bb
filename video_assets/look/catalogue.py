"""The current state of the tables, read anew in the background when one of them has changed.

Belongs here: when to read. Does not belong here: what is read (`look.tables`), questions (`look.index`).
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable

import duckdb
import pyarrow as pa

from video_assets.look.build import build
from video_assets.look.index import Index
from video_assets.look.kept import fetch_kept, keep
from video_assets.look.tables import Files, find_files
from video_assets.look.temporary import TemporaryFolder
from video_assets.look.words import write_words
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

_LOOK_AGAIN_S = 2.0
_SHOWN_CHARS = 600
_NO_WORDS = (
    "words of captions cannot be searched until this page is started again: no index could be made in {folder} ({error}). "
    "Is its disk full? TMPDIR names another"
)
log = logging.getLogger(__name__)


class Catalogue:
    """The newest index that could be made, and the settings it was made with; `trouble` says why a newer one could not."""

    def __init__(self, layout: Layout, load_settings: Callable[[], Settings]) -> None:
        """Settings are read as often as tables: the first run enables the source whose clips are then to be seen."""
        self._layout, self._load_settings = layout, load_settings
        self.settings = load_settings()
        self._folder = TemporaryFolder()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._number = 0
        self._failed: object = None
        self.index: Index | None = None
        self.trouble = ""
        self.is_reading = True
        self._thread = threading.Thread(target=self._watch, name="look-tables", daemon=True)

    def start(self) -> None:
        """Read the tables, then look for changes until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking and remove the temporary folder."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30.0)
        self._folder.remove()

    def refresh(self) -> None:
        """Read the tables when they are not those that were read last."""
        try:
            self.settings = self._load_settings()
            files = find_files(self._layout, self.settings)
        except OSError as error:
            self.trouble, self.is_reading = f"the storage does not answer: {error}", False
            return
        except ValueError as error:
            self.trouble, self.is_reading = f"the settings cannot be read: {str(error)[:_SHOWN_CHARS]}", False
            return
        stamp = files.stamp
        if files.is_empty:
            self.trouble, self.is_reading = self._why_empty(), False
            return
        if self.index is not None and stamp == self.index.stamp:
            self.trouble, self._failed = "", None  # the storage is back, with the tables that are shown
        elif stamp != self._failed:
            self._read(files)

    def _why_empty(self) -> str:
        """Why no source has listed anything; no trouble in a new data root. What was read before stays."""
        root = self._layout.root
        if not root.is_dir():
            return f"{root} is not there: is the storage mounted?"
        # A mount point whose storage is away is an empty folder.
        return f"no table is left in {root}: is the storage mounted?" if self.index is not None else ""

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self.refresh()
            except Exception as error:  # this thread must not end silently: the page would wait for ever
                self.trouble, self.is_reading = f"the tables cannot be read, by a fault of the program: {error!r}", False
                log.exception("reading the tables")
            self._stop.wait(_LOOK_AGAIN_S)

    def _read(self, files: Files) -> None:
        self.is_reading = True
        self._number += 1
        folder = self._folder.path / str(self._number)
        folder.mkdir()
        begun = time.monotonic()
        try:
            if not (is_kept := fetch_kept(self._layout, files, folder)):
                build(files, folder)
            index = Index(folder, files.stamp)
        except (duckdb.Error, pa.ArrowException, OSError, ValueError) as error:
            # Asked again when a table changes: one that is being rewritten is whole a moment later.
            self._failed, self.trouble = files.stamp, f"a table cannot be read: {str(error)[:_SHOWN_CHARS]}"
            log.warning("%s", self.trouble)
            shutil.rmtree(folder, ignore_errors=True)
            return
        finally:
            self.is_reading = False
        self.trouble, self._failed = "", None
        self._replace(index)
        self._read_words(index, files, is_kept=is_kept)
        log.info("tables read in %.1f s", time.monotonic() - begun)

    def _read_words(self, index: Index, files: Files, *, is_kept: bool) -> None:
        """Captions are searched through an index that takes longer than the rest, which is shown meanwhile."""
        try:
            if not is_kept and not write_words(index.texts, index.folder, self._stop):
                return
            index.take_words()
        except (pa.ArrowException, OSError) as error:
            index.do_without_words(_NO_WORDS.format(folder=self._folder.path.parent, error=error))
            log.warning("%s", index.why_no_words)
            return
        if not is_kept:
            keep(self._layout, files, index.folder)

    def _replace(self, index: Index) -> None:
        """Requests that began with the one before end with it: its files stay mapped after they are removed."""
        before, self.index = self.index, index
        if before is not None:
            shutil.rmtree(before.folder, ignore_errors=True)


def prepare(layout: Layout, settings: Settings) -> str:
    """Leave in the data root what a page reads at its start; why that could not be done, or nothing."""
    catalogue = Catalogue(layout, lambda: settings)
    try:
        catalogue.refresh()
        return catalogue.trouble or (catalogue.index.why_no_words if catalogue.index else "")
    finally:
        catalogue.close()
