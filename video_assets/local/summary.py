"""What a run came to: for the terminal, and as a record for programs.

Belongs here: that value and how it is read from the data root; no Dagster. Does not belong here: running (`run`), terminal output
(`cli.terminal`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from video_assets.core.json_values import Json, JsonObject
from video_assets.publish.manifest import read_published
from video_assets.settings import Settings
from video_assets.sources.ledgers import listing_notes
from video_assets.storage.layout import Layout


@dataclass(frozen=True)
class RunSummary:
    """What a run came to. Paths and counts are those of the published CSV; None and empty when none was to be, or could be."""

    data_root: Path
    error: str = ""
    n_jobs_done: int = 0
    csv: Path | None = None
    manifest: Path | None = None
    report: Path | None = None
    listed: int = 0
    kept: int = 0
    dropped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Clips by stage and reason."""
    notes: Sequence[str] = ()
    """What the user should know of the clips and captions as they were found."""
    nothing_new_since: datetime | None = None
    """When the last complete run ended, where nothing has changed since and no job was started."""

    def as_record(self) -> JsonObject:
        """For JSON; without the report and the counts when there is no CSV."""
        since = None if self.nothing_new_since is None else self.nothing_new_since.isoformat(timespec="seconds")
        record: dict[str, Json] = {"data_root": str(self.data_root), "error": self.error, "csv": None, "manifest": None}
        record |= {"nothing_new_since": since, "notes": list(self.notes)}
        if self.csv is not None:
            record |= {"csv": str(self.csv), "manifest": str(self.manifest), "report": str(self.report)}
            record |= {"listed": self.listed, "kept": self.kept, "dropped": self.dropped}
        return record


def summary_of(
    settings: Settings,
    *,
    error: str = "",
    n_jobs_done: int = 0,
    is_published: bool = True,
    nothing_new_since: datetime | None = None,
) -> RunSummary:
    """The summary from what lies in the data root now.

    Raises:
        StageError: it is published, and there is no readable manifest.
    """
    layout = Layout(settings.data_root)
    notes = [note for source in settings.sources if not source.is_partitioned for note in listing_notes(layout, source.name)]
    if not is_published:
        return RunSummary(layout.root, error, n_jobs_done, notes=notes)
    published = read_published(layout, settings)
    return RunSummary(
        layout.root,
        n_jobs_done=n_jobs_done,
        csv=published.csv,
        manifest=published.manifest,
        # A version before drew pictures alone; they are there until something is published.
        report=layout.report_page if layout.report_page.exists() else layout.report,
        listed=published.n_listed,
        kept=published.n_kept,
        dropped=published.dropped,
        notes=notes,
        nothing_new_since=nothing_new_since,
    )
