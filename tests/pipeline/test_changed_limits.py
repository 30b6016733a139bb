"""The limits of the decode check may change at any time: what comes out is what a fresh data root gives under those of now."""

import os
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from video_assets.core.check_limits import CheckLimits, verdicts_within
from video_assets.core.schema import VERDICTS
from video_assets.core.verdicts import CHECKER_VERSION
from video_assets.pipeline.decode_check import check_shards
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import no_progress
from video_assets.samples.demo.make import Sample
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.layout import Layout
from video_assets.storage.parts import PartWriter
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


def limits(**changed: float | None) -> CheckLimits:
    """Those of the settings' defaults, but for what is `changed`."""
    return replace(Settings(own_clips={"folder": "/clips"}).decode.limits, **changed)


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
        assert (len(given) - 1) in verdicts_within(given, limits(max_duration_s=now)).index


def test_a_clip_that_had_too_little_time_is_tried_again_when_it_may_have_more(clips: Path, tmp_path: Path) -> None:
    def settings(timeout_s: float) -> Settings:
        decode = {"n_shards": 1, "workers": 1, "timeout_s": timeout_s}
        return Settings(data_root=tmp_path / "data", own_clips={"folder": clips}, decode=decode)

    layout = prepare(settings(300.0))
    clip = clips / "aquarium.mp4"
    met_the_limit = {
        "clip_key": f"own_clips/{clip.name}",
        "file_size": clip.stat().st_size,
        "mtime_ns": clip.stat().st_mtime_ns,
        "verdict": "timeout",
        "reason": "",
        "errors": "no answer within 300 seconds",
        "checker_version": CHECKER_VERSION,
        "ffmpeg_versions": "",
        **vars(settings(300.0).decode.limits),
    }
    with PartWriter(layout.verdict_parts(SHARD)) as part:
        part.append(met_the_limit)
    n_first, *with_little = check(layout, settings(300.0))
    assert check(layout, settings(300.0)) == (0, *with_little), "nor is it tried again without a reason"
    n_again, *with_more = check(layout, settings(301.0))
    fresh = settings(301.0).model_copy(update={"data_root": tmp_path / "fresh"})
    assert with_more == list(check(prepare(fresh), fresh)[1:]) != with_little
    assert (n_first, n_again) == (5, 1)
    assert check(layout, settings(300.0))[0] == 0, "what was decoded with more stays"


def test_what_needed_more_memory_stands_until_it_may_have_more() -> None:
    row = {"clip_key": "a", "file_size": 1, "mtime_ns": 1, "verdict": "out_of_memory", "reason": "", "errors": ""}
    given = VERDICTS.frame([{**row, "checker_version": "4", "ffmpeg_versions": "", "memory_mib": 512}])
    assert [len(verdicts_within(given, limits(memory_mib=mib, timeout_s=5000.0))) for mib in (256, 512, 1024)] == [1, 1, 0]


def test_verdicts_of_before_limits_were_noted_count_as_given_under_the_defaults() -> None:
    row = {"clip_key": "a", "file_size": 1, "mtime_ns": 1, "verdict": "timeout", "reason": "", "errors": ""}
    given = VERDICTS.frame([{**row, "checker_version": "4", "ffmpeg_versions": ""}])
    assert len(verdicts_within(given, limits())) == 1
    assert len(verdicts_within(given, limits(memory_mib=8192))) == 1
    assert len(verdicts_within(given, limits(cpu_s=601.0))) == 0
