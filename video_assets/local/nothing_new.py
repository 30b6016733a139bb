"""Whether `video-assets run` has anything to do, asked without Dagster: loading it costs more than the answer.

After a complete run its end is remembered in Dagster's home: settings, program, and a fingerprint (size, times, inode) of every
file that the run left in the data root. The next run compares them, looks at the clips as a listing would, and asks whether
Dagster has heard of anything since. Any difference and any doubt mean that all jobs run; so does a memory of half a day.
Belongs here: that memory. Does not belong here: the same question for one table (its stage), noticing news for a sensor
(`sources.own_clips.watch`).
"""

import json
import os
import platform
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import xxhash

from video_assets.core.errors import MendableError
from video_assets.core.json_values import JsonObject
from video_assets.local.dagster_home import home_of
from video_assets.publish.manifest import read_manifest
from video_assets.settings import Settings
from video_assets.sources.ledgers import is_own_clips_current
from video_assets.storage.durable import write_text
from video_assets.storage.layout import Layout

_MAX_AGE = timedelta(hours=12)  # bits rot below every fingerprint, and the CSV's freshness policy wants to hear of it
_FOLDERS = ("raw", "metadata", "filter", "decode", "training", "takedown", "about", "exports")
_LIBRARIES = ("video_assets", "av", "dagster", "matplotlib", "numpy", "pandas", "pyarrow")


def nothing_new(settings: Settings) -> datetime | None:
    """When the last complete run ended, if another would find everything as that one left it; else None."""
    layout = Layout(settings.data_root)
    if not _is_answerable(settings):
        return None
    try:
        known = json.loads(_memory(layout, settings).read_text(encoding="utf-8"))
        since = datetime.fromisoformat(known["ended"])
        is_recent = timedelta(0) <= datetime.now(UTC) - since < _MAX_AGE
        if is_recent and known["state"] == _state(layout, settings) and is_own_clips_current(layout, settings):
            return since
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error, MendableError):
        pass  # in doubt all jobs run, and say what is wrong
    return None


def remember_complete(settings: Settings) -> None:
    """Keep how a complete run left everything, if the product was made from just that; else the next run looks at everything."""
    layout = Layout(settings.data_root)
    memory = _memory(layout, settings)
    memory.unlink(missing_ok=True)
    if not _is_answerable(settings):
        return
    try:
        state = _state(layout, settings)
        # Asked after the fingerprints were taken: whoever changes a table from now on is noticed by them.
        if _is_of_one_piece(layout, settings):
            write_text(memory, json.dumps({"ended": datetime.now(UTC).isoformat(), "state": state}) + "\n")
    except (OSError, sqlite3.Error, MendableError):
        return  # another run is at work; this one is complete all the same


def _is_of_one_piece(layout: Layout, settings: Settings) -> bool:
    # Loads PyAV, which the question above must not.
    from video_assets.pipeline.enrich import is_final
    from video_assets.publish.publish import product_inputs

    inputs = read_manifest(layout.manifest(settings.product_name)).made_from.inputs
    return is_final(layout, settings.sources) and product_inputs(layout, settings) == inputs


def _is_answerable(settings: Settings) -> bool:
    """Hub and web have to be asked each time; so has a table of captions without a folder, which names files anywhere."""
    return [source.name for source in settings.sources] == ["own_clips"] and settings.own_clips.folder is not None


def _memory(layout: Layout, settings: Settings) -> Path:
    return home_of(layout, settings.dagster_home) / "last_complete_run.json"


def _state(layout: Layout, settings: Settings) -> JsonObject:
    """All that a run depends on beside the clips and captions; JSON-able.

    Raises:
        OSError, sqlite3.Error: something of it cannot be read.
    """
    return {
        "settings": xxhash.xxh3_128_hexdigest(settings.model_dump_json().encode()),
        "program": [platform.python_version(), *map(installed_version, _LIBRARIES), _fingerprint(_modules())],
        "files": _fingerprint(_tables(layout)),
        "dagster": _last_heard(home_of(layout, settings.dagster_home)),
    }


def _modules() -> Iterator[Path]:
    """An editable installation changes without changing its version."""
    yield from Path(__file__).parents[1].rglob("*.py")


def _tables(layout: Layout) -> Iterator[Path]:
    """Every file in the data root, except what says who is at work and what a sensor saw."""
    yield from (path for path in (layout.exclusions,) if path.exists())
    for folder in _FOLDERS:
        yield from (path for path in (layout.root / folder).rglob("*") if path.is_file() and path != layout.own_clips_watch)


def _fingerprint(paths: Iterator[Path]) -> str:
    digest = xxhash.xxh3_128()
    for path in sorted(paths):
        seen = path.stat()
        digest.update(os.fsencode(path))
        digest.update(f"\0{seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns} {seen.st_ino}\0".encode())
    return digest.hexdigest()


def _last_heard(home: Path) -> list[Any]:
    """The last event of any run, check or asset in Dagster's history, and when an asset was last wiped there.

    Dagster is not asked itself, since loading it is what this saves; tests/upstream holds its tables.
    """
    index = home / "history" / "runs" / "index.db"
    with closing(sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True, timeout=5.0)) as history:
        (last_event,) = history.execute("select max(id) from event_logs").fetchone()
        (last_wipe,) = history.execute("select max(wipe_timestamp) from asset_keys").fetchone()
    return [last_event, last_wipe]
