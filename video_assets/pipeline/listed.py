"""What the sources list, what is known of it already, and so which clips are still to be probed.

Belongs here: reading that, a range of clip keys at a time. Does not belong here: probing (`pipeline.probing`), the table that
comes of it (`pipeline.enrich`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from video_assets.core import filters
from video_assets.core.json_values import JsonObject
from video_assets.core.matching import PROBES, plan_probes
from video_assets.core.older_rules import standing_probes
from video_assets.core.schema import CLIPS, LEDGER
from video_assets.core.verdicts import PROBER_VERSION
from video_assets.pipeline.recipes import enriched_metadata_recipe
from video_assets.settings.model import Source
from video_assets.sources.ledgers import ledgers
from video_assets.storage.changes import changes_of
from video_assets.storage.durable import hash_file
from video_assets.storage.key_ranges import TablesByKey
from video_assets.storage.keys import KeyRange
from video_assets.storage.layout import Layout
from video_assets.storage.parts import read_parts
from video_assets.storage.row_groups import opened, rows_with
from video_assets.storage.stages import StageError, StageNote, stage_note
from video_assets.tombstones.matching import drop_taken_down
from video_assets.tombstones.table import read_tombstones

_TO_PROBE = ["clip_key", "path", "file_size", "mtime_ns"]


def note_of(inputs: dict[str, str], buried: str) -> StageNote:
    """What enriched_metadata is made from: hashes of the ledgers and of the tombstones."""
    return StageNote(inputs=inputs, versions=enriched_metadata_recipe().versions, tombstones=buried)


def read_probes(layout: Layout, *, begins: str = "") -> tuple[list[JsonObject], list[Path]]:
    """Measurements that are in no table yet and hold by the rules of now, and the files that hold them.

    `begins` is how the names of these files begin.
    """
    records, files = read_parts(layout.probe_parts, begins=begins)
    return [record for record in records if record.get("prober_version") == PROBER_VERSION], files


def unread(layout: Layout) -> list[str]:
    """Keys of clips of the last table that could not be read."""
    with opened(layout.enriched_metadata) as file:
        found = rows_with(file, "probe_status", ["unreadable_now"], ["clip_key"])
        return [key for rows in found for key in rows.column("clip_key").to_pylist()]


class Listed:
    """The ledgers of all sources where they have `changes`, a range of clip keys at a time; `inputs` are their hashes."""

    def __init__(
        self, layout: Layout, sources: Sequence[Source], note: StageNote, *, again: list[str], memory_bytes: int | None
    ) -> None:
        if not sources:
            raise StageError("no source of clips is set: `video-assets settings own_clips.folder FOLDER`, or enable another")
        paths = ledgers(layout, sources)
        if not paths:
            raise StageError(f"nothing is listed yet: materialize {' or '.join(source.asset for source in sources)}")
        self._tombstones = read_tombstones(layout)
        if missing := next((name for name, path in paths.items() if not path.exists()), None):
            raise StageError(f"{paths[missing]} is missing: materialize {missing}")
        self._rows = TablesByKey(list(paths.values()), LEDGER)
        self.changes = changes_of(layout.enriched_metadata, CLIPS, note=note, units=self._rows.units(), again=again)
        self._ranges = self._rows.ranges(memory_bytes=memory_bytes, within=self.changes.ranges)
        # After the look at the files: one that is replaced meanwhile is refused when its rows are read.
        self.inputs = {name: hash_file(path) for name, path in paths.items()}
        self._dropped: dict[KeyRange, pd.DataFrame] = {}

    def splits(self) -> Iterator[tuple[KeyRange, filters.Split]]:
        """For every range the clips that are there and have a caption, and those taken down, not ok or without one."""
        for part in self._ranges:
            listed, taken_down = drop_taken_down(self._rows.rows(part), self._tombstones, stage="enriched_metadata")
            usable = filters.drop_not_ok(listed)
            captioned = filters.drop_empty_captions(usable.kept)
            self._dropped[part] = pd.concat([taken_down, usable.dropped, captioned.dropped])
            yield part, captioned

    def dropped(self) -> pd.DataFrame:
        """All that `splits` dropped, and what was dropped before where nothing has changed; by clip key."""
        every = pd.concat([self.changes.dropped_before(), *self._dropped.values()])
        return every.sort_values("clip_key", ignore_index=True)


class Known:
    """Measurements that hold by the rules of now: of the last table, of other and killed runs, then new ones."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        records, self.parts = read_probes(layout)
        self._records = PROBES.frame(records)
        path = layout.enriched_metadata
        self._table = TablesByKey([path], PROBES) if path.exists() else None
        self._version = stage_note(path).versions.get("prober", "") if path.exists() else ""

    def again(self) -> list[str]:
        """Keys of clips that could not be read last time, and of those that are measured and in no table yet."""
        keys = [] if self._table is None else unread(self._layout)
        return [*keys, *self._records["clip_key"]]

    def add(self, records: list[JsonObject]) -> None:
        """Take what was probed since."""
        self._records = pd.concat([self._records, PROBES.frame(records)], ignore_index=True)

    def of(self, part: KeyRange) -> tuple[pd.DataFrame | None, pd.DataFrame]:
        """Of the clips in a range: measurements of the last table (None: there is none), and records."""
        previous = None if self._table is None else standing_probes(self._table.rows(part), self._version)
        return previous, part.of(self._records)


def to_probe(listed: Listed, known: Known) -> pd.DataFrame:
    """The clips that have no measurement: key, path and fingerprint."""
    plans = (plan_probes(split.kept, *known.of(part))[_TO_PROBE] for part, split in listed.splits())
    return pd.concat([CLIPS.frame()[_TO_PROBE], *plans], ignore_index=True)
