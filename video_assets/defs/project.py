"""What assets are given: settings, layout and a way to tell progress. Does not belong here: Dagster's own configuration."""

from collections.abc import Callable
from dataclasses import dataclass

from video_assets.progress import LogProgress, Progress
from video_assets.settings.model import Settings, Source
from video_assets.storage.layout import Layout


@dataclass(frozen=True)
class Project:
    """One data root and how to work on it. `terminal` replaces the log lines when a person watches."""

    settings: Settings
    terminal: Progress | None = None

    @property
    def layout(self) -> Layout:
        """Where everything lies."""
        return Layout(self.settings.data_root)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The enabled sources."""
        return self.settings.sources

    def progress(self, log: Callable[[str], None], *, interval_s: float = 10.0) -> Progress:
        """Progress on the terminal, else as lines of the run's log, one every `interval_s` seconds."""
        return self.terminal or LogProgress(log, interval_s=interval_s)

    @property
    def table_bytes(self) -> int:
        """Memory that a stage may take for rows."""
        from video_assets.workers.memory import table_bytes

        return table_bytes(self.settings.tables.memory_mib)
