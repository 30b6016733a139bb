"""Two runs that make the same tables at once: both end well, and the tables are those of one run."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from data_roots import Clip, fill, settings_of
from media_factory import make_clip

from video_assets.core.errors import ReplacedError
from video_assets.core.schema import CLIPS
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.two_runs import begun_anew
from video_assets.progress import Advance, no_progress
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.key_ranges import TablesByKey
from video_assets.storage.keys import KeyRange
from video_assets.storage.layout import Layout
from video_assets.storage.stages import read_stage

CLIPS_THERE = [Clip("a.mp4"), Clip("b.mp4")]


def test_a_run_that_has_probed_while_another_one_wrote_the_table_finds_everything_known(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    layout, settings = Layout(tmp_path), settings_of(tmp_path, own_clips={"folder": folder, "settle_s": 0})
    begun, probed = [], []

    def come(name: str) -> None:
        make_clip(folder / name).with_suffix(".txt").write_text(f"what is seen in {name}")
        refresh_own_clips(layout, settings)

    @contextmanager
    def meets_another(words: str, total: int, unit: str) -> Iterator[Advance]:
        """The other run begins and ends when this one is about to probe."""
        begun.append(words)
        if len(begun) == 1:
            probed.append(enrich(layout, settings.sources, settings=settings.decode, progress=no_progress).n_new)
        with no_progress(words, total, unit) as advance:
            yield advance

    come("a.mp4")
    enrich(layout, settings.sources, settings=settings.decode, progress=no_progress)
    come("b.mp4")
    made = enrich(layout, settings.sources, settings=settings.decode, progress=meets_another)
    assert begun == ["probe"]
    assert probed == [1]
    stage = read_stage(layout.enriched_metadata, CLIPS)
    assert stage.content_hash == made.content_hash
    assert list(stage.kept["clip_key"]) == ["own_clips/a.mp4", "own_clips/b.mp4"]
    assert set(stage.kept["probe_status"]) == {"ok"}


def keys_in_a_table_that_is_replaced(path: Path, *, times: int) -> list[str]:
    left = [times]

    @begun_anew
    def read() -> list[str]:
        tables = TablesByKey([path], CLIPS)
        if left[0]:
            left[0] -= 1
            shutil.copy(path, path.with_suffix(".new")).replace(path)
        return list(tables.rows(KeyRange("", None), ["clip_key"])["clip_key"])

    return read()


def test_what_is_replaced_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    layout, _ = fill(tmp_path, CLIPS_THERE, upto="enriched_metadata")
    assert keys_in_a_table_that_is_replaced(layout.enriched_metadata, times=2) == [clip.key for clip in CLIPS_THERE]


def test_others_that_write_again_and_again_are_named(tmp_path: Path) -> None:
    layout, _ = fill(tmp_path, CLIPS_THERE, upto="enriched_metadata")
    with pytest.raises(ReplacedError, match=r"enriched_metadata\.parquet was replaced while it was read: wait for the other run"):
        keys_in_a_table_that_is_replaced(layout.enriched_metadata, times=99)
