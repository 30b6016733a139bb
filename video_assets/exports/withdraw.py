"""Exports of rows that no kept version has any more: what a take-down removes after it took the rows out of the versions.

An export goes as a whole: its captions, its clips under other names, and what a trainer cached beside them.
Belongs here: which exports, and removing them. Does not belong here: which clips (`takedown.take_down`).
"""

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from video_assets.core.consumers import CONSUMERS
from video_assets.core.errors import UsageError
from video_assets.exports.exchange import read_export, recover, tables_in
from video_assets.publish.versions import Version
from video_assets.storage.durable import draft_of, fsync_folder
from video_assets.storage.layout import Layout
from video_assets.storage.leases import LeaseHeldError, hold

_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Withdrawn:
    """Names of exports that were `removed`; folders in exports/ that no export made (`foreign`); what could not be removed."""

    removed: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def withdraw(layout: Layout, versions: Collection[Version], *, stale_after_s: float) -> Withdrawn:
    """Remove every export not made from a table of `versions` as it is now, or with a cache that moved on from one that was not.

    Killed in between, it is done again.
    """
    tables = {(version.number, version.manifest.table_facts.sha256) for version in versions}
    removed, problems = [], []
    for target in CONSUMERS:
        folder = layout.export(target)
        try:
            with hold(layout.lease("exports", target), stale_after_s=stale_after_s, patience_s=_PATIENCE_S):
                if _is_withdrawn(folder, tables):
                    removed.append(folder.name)
        except UsageError:
            continue  # foreign, see below
        except (OSError, LeaseHeldError) as error:
            problems.append(f"{folder}: {error}")
    return Withdrawn(tuple(removed), tuple(_foreign(layout.export("x").parent)), tuple(problems))


def _is_withdrawn(folder: Path, tables: Collection[tuple[int, str]]) -> bool:
    """True when there was an export of other tables; it is gone then."""
    recover(folder)
    manifest = read_export(folder)
    if manifest is None or tables_in(manifest).issubset(tables):
        return False
    # As a draft it counts as no export, also when this is killed.
    draft = draft_of(folder)
    folder.rename(draft)
    fsync_folder(folder.parent)
    shutil.rmtree(draft)
    return True


def _foreign(exports: Path) -> list[str]:
    """Folders that no target made; what is in them is not ours to remove."""
    ours = {target.replace(".", "-") for target in CONSUMERS}
    found = sorted(exports.iterdir()) if os.path.lexists(exports) else []
    return [str(path) for path in found if not path.name.startswith(".") and (path.name not in ours or not _is_export(path))]


def _is_export(folder: Path) -> bool:
    try:
        return read_export(folder) is not None
    except UsageError:
        return False
