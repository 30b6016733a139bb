"""Data roots whose clips are files in the data root's own folder, and take-downs of them as the command does it."""

from collections.abc import Sequence
from pathlib import Path

from data_roots import Clip, after_listing, fill, settings_of

from video_assets.core.schema import LEDGER
from video_assets.publish.publish import publish
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.tables import read_table, write_table
from video_assets.takedown.outcome import TakedownReport
from video_assets.takedown.take_down import plan_takedown, redact_versions, take_down, write_report


def folder_of(root: Path) -> Path:
    """Where the clips of `published_root` lie."""
    return root / "clips" / "own_clips"


def published_root(root: Path, clips: Sequence[Clip], **sections) -> tuple[Layout, Settings]:
    """A published data root; the rows say that the clips lie in `folder_of` it."""
    folder, layout = folder_of(root), Layout(root)
    fill(layout.root, clips, upto="own_clips", **sections)
    path = layout.ledger("own_clips")
    rows = read_table(path, LEDGER).rows
    paths = [f"{folder}/{key.partition('/')[2].partition('#')[0]}" for key in rows["clip_key"]]
    write_table(path, LEDGER, rows.assign(path=paths))
    # Nobody opens a clip without a caption.
    after_listing(layout.root, [clip for clip in clips if clip.text], **sections)
    settings = settings_of(layout.root, **sections)
    publish(layout, settings)
    return layout, settings


def request(tmp_path: Path, *lines: str) -> Path:
    """A list of what is asked for."""
    path = tmp_path / "request.txt"
    path.write_text("\n".join(lines))
    return path


def done(layout: Layout, settings: Settings, file: Path) -> TakedownReport:
    """The whole take-down but for the new version."""
    planned = plan_takedown(layout, file)
    report = redact_versions(layout, settings, planned, take_down(layout, settings, planned))
    write_report(layout, report)
    return report
