"""`decode.max_duration_s` may change at any time: what comes out is what a fresh data root gives under the limit of now."""

import os
import shutil
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from video_assets.core.lengths import verdicts_within
from video_assets.core.schema import VERDICTS
from video_assets.pipeline.decode_check import check_shards
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import no_progress
from video_assets.samples.demo.make import Sample
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.layout import Layout
from video_assets.storage.stages import dropped_path

SHARD = "00000-of-00001"
LIMITS = [None, 2.5, 1.0, 2.5, None, 2.5]


@pytest.fixture(scope="module")
def clips(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of 1.5 to 4 seconds, and one that is broken."""
    folder = tmp_path_factory.mktemp("lengths") / "clips"
    folder.mkdir()
    for name in (
        "aquarium.mp4",
        "aquarium-60fps.mp4",
        "windmill.webm",
        "CAMERA01.MP4",
        "broken/bad-disk.mp4",
        "broken/nothing.mp4",
    ):
        clip = Path(shutil.copy2(sample.clips / name, folder))
        clip.with_suffix(".txt").write_text(f"this is {name}")
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


def settings_of(root: Path, clips: Path, limit: float | None) -> Settings:
    return Settings(data_root=root, own_clips={"folder": clips}, decode={"n_shards": 1, "workers": 1, "max_duration_s": limit})


def prepare(settings: Settings) -> Layout:
    layout = Layout(settings.data_root)
    refresh_own_clips(layout, settings)
    enrich(layout, settings.sources, settings=settings.decode, progress=no_progress)
    filter_by_size(layout, max_bytes=1 << 30)
    list(write_shard_lists(layout, [SHARD], n_shards=1))
    return layout


def check(layout: Layout, settings: Settings) -> tuple[int, bytes, bytes]:
    """How many clips were checked, and the result."""
    (outcome,) = check_shards(layout, [SHARD], settings=settings.decode, progress=no_progress)
    assert not outcome.failure
    path = layout.checked(SHARD)
    return outcome.n_decoded, path.read_bytes(), dropped_path(path).read_bytes()


def test_another_limit_gives_what_a_fresh_data_root_gives(clips: Path, tmp_path: Path) -> None:
    fresh = {}
    for limit in set(LIMITS):
        settings = settings_of(tmp_path / f"fresh-{limit}", clips, limit)
        _, *fresh[limit] = check(prepare(settings), settings)
    assert fresh[None] != fresh[2.5] != fresh[1.0]
    layout, n_decoded = prepare(settings_of(tmp_path / "data", clips, None)), []
    for limit in LIMITS:
        n, *result = check(layout, settings_of(layout.root, clips, limit))
        assert result == fresh[limit], limit
        n_decoded.append(n)
        assert check(layout, settings_of(layout.root, clips, limit))[0] == 0, "the same again decodes nothing"
    # Two last longer than 2.5 s, five longer than 1 s; of the empty one nobody knows it.
    assert n_decoded == [6, 3, 6, 5, 2, 2]


@pytest.mark.parametrize(("before", "now"), list(pairwise([None, 3.0, 3.0, 9.0, 2.0])))
@pytest.mark.parametrize("reason", ["", "too_long", "truncated"])
def test_what_was_given_under_the_limit_of_now_always_stands(before: float | None, now: float | None, reason: str) -> None:
    """Whatever the clip's length is, or when nobody knows it: else it would be checked again and again."""
    for length_s in (None, 1.0, 5.0):
        row = {"clip_key": "a", "file_size": 1, "mtime_ns": 1, "verdict": "bad" if reason else "good", "reason": reason}
        rest = {"errors": "", "checker_version": "4", "ffmpeg_versions": "", "duration_s": length_s}
        given = VERDICTS.frame(pd.DataFrame([{**row, **rest, "max_duration_s": limit} for limit in (before, now)]))
        assert (len(given) - 1) in verdicts_within(given, now).index
