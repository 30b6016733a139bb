"""Data roots whose tables are made by the pipeline's own functions; only what a probe and a decode would say is made up.

The made-up records are put where a killed run leaves them (probe parts, verdict parts), so that the pipeline opens no clip.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from video_assets.core.schema import LEDGER
from video_assets.core.sharding import shard_keys, shard_of
from video_assets.core.verdicts import CHECKER_VERSION, PROBER_VERSION
from video_assets.pipeline.decode_check import check_shards
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.shard import ShardOutcome
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.storage.parts import PartWriter
from video_assets.storage.tables import write_table

MTIME_NS = 1_700_000_000_123_456_789


@dataclass(frozen=True)
class Clip:
    """A clip that was listed, with what is found out about it."""

    name: str
    text: str = "a dog runs"
    source: str = "own_clips"
    partition: str = ""
    status: str = "ok"
    reason: str = ""
    detail: str = ""
    file_size: int = 1000
    mtime_ns: int = MTIME_NS
    verdict: str = "good"
    verdict_reason: str = ""
    errors: str = ""
    num_frames: int | None = 90
    height: int | None = 720
    width: int | None = 1280
    fps: float | None = 30000 / 1001
    content_hash: str | None = None
    duration_s: float = 3.0
    video_codec: str = "h264"
    extras: str = "{}"

    @property
    def key(self) -> str:
        return "/".join(filter(None, (self.source, self.partition, self.name)))

    @property
    def path(self) -> str:
        return f"/clips/{self.source}/{self.name}"


def settings_of(root: Path, **sections: dict[str, Any]) -> Settings:
    decode = {"n_shards": 2, "workers": 1, **sections.pop("decode", {})}
    return Settings(data_root=root, **{"own_clips": {"folder": "/clips"}, **sections}, decode=decode)


def fill(root: Path, clips: Sequence[Clip], *, upto: str = "decode_check", **sections: dict[str, Any]) -> tuple[Layout, Settings]:
    """Materialize everything up to `upto` (own_clips, enriched_metadata, size_filtered, shard_lists or decode_check)."""
    settings, layout = settings_of(root, **sections), Layout(root)
    by_ledger: dict[Path, list[Clip]] = {}
    for clip in clips:
        path = layout.partition_ledger(clip.source, clip.partition) if clip.partition else layout.ledger(clip.source)
        by_ledger.setdefault(path, []).append(clip)
    for path, listed in by_ledger.items():
        write_table(path, LEDGER, LEDGER.frame(map(_listed, listed)))
    if upto == "own_clips":
        return layout, settings
    return after_listing(root, clips, upto=upto, **sections)


_kept: dict[str, tuple[Path, str]] = {}


def fill_once(root: Path, clips: Sequence[Clip], **sections: dict[str, Any]) -> tuple[Layout, Settings]:
    """Like `fill`, but an empty folder gets a copy of what another test has made by the same call.

    A copy is a twentieth of the work. Not for a test that changes how the pipeline works, or compares two data roots that it made
    in the same way: those are still made twice, as long as one test makes both.
    """
    told, test = repr((clips, sections)), os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    if (root.exists() and any(root.iterdir())) or any(type(clip) is not Clip for clip in clips):
        return fill(root, clips, **sections)
    kept, maker = _kept.get(told, (None, ""))
    if kept is not None and maker != test:
        shutil.copytree(kept, root, dirs_exist_ok=True)
        return Layout(root), settings_of(root, **sections)
    made = fill(root, clips, **sections)
    if kept is None:
        _kept[told] = Path(shutil.copytree(root, _folder() / str(len(_kept)))), test
    return made


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="data-roots-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def after_listing(
    root: Path, clips: Sequence[Clip], *, upto: str = "decode_check", **sections: dict[str, Any]
) -> tuple[Layout, Settings]:
    """Materialize what follows the ledgers that are there."""
    settings, layout = settings_of(root, **sections), Layout(root)
    with PartWriter(layout.probe_parts) as part:
        for clip in clips:
            part.append({"prober_version": PROBER_VERSION, **_probed(clip)})
    enrich(layout, settings.sources, settings=settings.decode, progress=no_progress)
    if upto == "enriched_metadata":
        return layout, settings
    filter_by_size(layout, max_bytes=settings.filter.max_file_size_bytes)
    if upto == "size_filtered":
        return layout, settings
    make_lists(layout, settings)
    if upto == "decode_check":
        check(layout, settings, clips)
    return layout, settings


def make_lists(layout: Layout, settings: Settings) -> None:
    n_shards = settings.decode.n_shards
    list(write_shard_lists(layout, shard_keys(n_shards), n_shards=n_shards))


def check(layout: Layout, settings: Settings, clips: Sequence[Clip], shards: Sequence[str] | None = None) -> list[ShardOutcome]:
    """Run the real decode check on verdicts that were given before."""
    n_shards = settings.decode.n_shards
    for shard in shards or shard_keys(n_shards):
        with PartWriter(layout.verdict_parts(shard)) as part:
            for clip in clips:
                if shard_of(clip.key, n_shards=n_shards) == shard:
                    part.append(_decided(clip))
    return list(check_shards(layout, list(shards or shard_keys(n_shards)), settings=settings.decode, progress=no_progress))


def _listed(clip: Clip) -> dict[str, Any]:
    return {
        "clip_key": clip.key,
        "source": clip.source,
        "path": clip.path,
        "text": clip.text,
        "status": clip.status,
        "reason": clip.reason,
        "detail": clip.detail,
        "file_size": clip.file_size if clip.status == "ok" else None,
        "mtime_ns": clip.mtime_ns if clip.status == "ok" else None,
        "origin": "captions.csv, line 2",
        "extras": clip.extras,
    }


def _measured(clip: Clip) -> dict[str, Any]:
    return {
        "clip_key": clip.key,
        "file_size": clip.file_size,
        "mtime_ns": clip.mtime_ns,
        "num_frames": clip.num_frames,
        "height": clip.height,
        "width": clip.width,
        "fps": clip.fps,
        "duration_s": clip.duration_s,
        "video_codec": clip.video_codec,
        "pix_fmt": "yuv420p",
        "rotation_deg": 0,
        "header_frames": clip.num_frames,
        "packet_frames": clip.num_frames,
    }


def _probed(clip: Clip) -> dict[str, Any]:
    # The container's promise: one frame more than what decodes.
    frames = None if clip.num_frames is None else clip.num_frames + 1
    return {**_measured(clip), "num_frames": frames, "probe_status": "ok", "probe_detail": ""}


def _decided(clip: Clip) -> dict[str, Any]:
    return {
        **_measured(clip),
        "verdict": clip.verdict,
        "reason": clip.verdict_reason,
        "errors": clip.errors,
        "is_variable_rate": False,
        "is_count_consistent": True,
        "content_hash": clip.content_hash or f"bytes of {clip.key}",
        "decode_seconds": 0.1,
        "checker_version": CHECKER_VERSION,
        "ffmpeg_versions": "libavcodec 62.0.0",
    }
