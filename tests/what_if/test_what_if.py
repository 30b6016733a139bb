"""What is tried comes out exactly as when it is set and published; nothing is written, and captions are read only when asked."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from command_line import command
from data_roots import Clip, fill, fill_once, settings_of
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from video_assets.publish.exclusions import Exclusion, change_exclusions
from video_assets.publish.publish import NothingKeptError, publish
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout
from video_assets.tombstones.table import add_tombstones
from video_assets.what_if.what_if import what_if, with_limits

SECTIONS = {
    "openvid": {"is_enabled": True, "repo": "a/b"},
    "checks": {"max_drop_share": 1.0, "max_bad_share": 1.0, "max_shard_excess": 1.0},
    "training": {"keep_versions": 1},
}
TEXTS = ["a dog runs", "None", "one", "this caption has as many as eight words", "line\nbreak and\u3000more"]


def varied(number: int) -> Clip:
    """Clips of two sources that differ in all that limits look at; every third shares its bytes with another."""
    is_own = number % 3 != 0
    clip = Clip(
        f"clip{number:02}.{'webm' if number % 7 == 3 else 'mp4'}",
        text=TEXTS[number % len(TEXTS)],
        source="own_clips" if is_own else "openvid",
        partition="" if is_own else "part000",
        file_size=1_000_000 + number % 6 * 700_000,
        num_frames=30 + number % 8 * 12,
        height=(360, 720, 1080)[number % 3],
        width=(640, 1280, 1080)[number % 3],
        fps=(24.0, 30000 / 1001, 60.0)[number % 3],
        duration_s=1.0 + number % 4,
        video_codec=("h264", "hevc")[number % 2],
        extras=json.dumps({"aesthetic score": 4 + number % 3 * 0.75, **({"licence": "CC0"} if number % 4 == 0 else {})}),
        content_hash=f"{number // 9:032x}" if number % 3 == 1 else None,
    )
    return replace(clip, verdict="bad", verdict_reason="truncated") if number % 11 == 5 else clip


CLIPS = [*map(varied, range(48)), Clip("silent.mp4", text=" "), Clip("huge.mp4", file_size=80 * 1024 * 1024)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> tuple[Layout, Settings]:
    layout, settings = fill(tmp_path_factory.mktemp("root"), CLIPS, **SECTIONS)
    change_exclusions(layout, add={"own_clips/clip01.mp4": Exclusion("ugly")})
    return layout, settings


numbers = {
    "frames": st.integers(30, 120),
    "duration_s": st.sampled_from([1.0, 2.5, 4.0]),
    "height": st.integers(300, 1100),
    "width": st.integers(600, 1300),
    "pixels": st.integers(200_000, 2_000_000),
    "aspect_ratio": st.sampled_from([0.5, 0.5625, 1.0]),
    "fps": st.sampled_from([24.0, 29.97, 59.0]),
    "file_size_mib": st.sampled_from([1.0, 2.2, 4.5]),
    "caption_words": st.integers(1, 8),
}


def rising(limits):
    """The same limits, of each pair the lower one as the minimum: others are refused."""
    pairs = {
        name: (limits[f"min_{name}"], limits[f"max_{name}"]) for name in numbers if {f"min_{name}", f"max_{name}"} <= {*limits}
    }
    return limits | {f"{end}_{name}": pick(pair) for name, pair in pairs.items() for end, pick in (("min", min), ("max", max))}


limits = st.fixed_dictionaries(
    {},
    optional={
        **{f"{end}_{name}": values for name, values in numbers.items() for end in ("min", "max")},
        "codecs": st.sampled_from([("h264",), ("h264", "hevc"), ("vp9",)]),
        "min_scores": st.sampled_from([{"aesthetic score": 4.5}, {"aesthetic score": 4.75, "motion": 1.0}]),
        "max_scores": st.just({"aesthetic score": 5.0}),
    },
).map(rising)
trials = st.fixed_dictionaries(
    {"limits": limits},
    optional={"trainers": st.just(("open-sora-1.2",)), "licences": st.sampled_from([("CC0",), ("CC-BY-4.0", "CC0")])},
)


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trial=trials)
def test_what_is_tried_is_what_is_published(filled, trial):
    layout, settings = filled
    tried = with_limits(settings, trial["limits"], trainers=trial.get("trainers"), licences=trial.get("licences"))
    found = what_if(layout, settings, tried).tried
    try:
        published = publish(layout, tried)
    except NothingKeptError:
        assert found.kept == 0
        return
    assert (found.funnel.listed, found.kept) == (published.n_listed, published.n_kept)
    assert found.funnel.counts == published.dropped
    assert {name: (each.listed, each.kept) for name, each in found.sources.items()} == {
        name: (counts["listed"], counts["kept"]) for name, counts in published.sources.items()
    }
    rows = pd.read_parquet(published.table)
    assert found.bytes == rows["file_size"].sum() == sum(each.bytes for each in found.sources.values())
    assert found.hours == pytest.approx((rows["num_frames"] / rows["fps"]).sum() / 3600)


def test_now_is_what_the_settings_give_and_clips_come_and_go(filled):
    layout, settings = filled
    strict = with_limits(settings, {"min_frames": 60, "codecs": ("h264",)})
    other = with_limits(strict, {"min_frames": 30, "max_height": 720})
    found = what_if(layout, strict, other)
    assert found.now == what_if(layout, settings, strict).tried
    assert found.come > 0
    assert found.go > 0
    assert found.tried.kept == found.now.kept + found.come - found.go
    assert found.limits == {"select.min_frames": 30, "select.max_height": 720, "select.codecs": ("h264",)}
    afresh = with_limits(strict, {"max_height": 720}, is_afresh=True)
    assert (afresh.select.min_frames, afresh.select.codecs, afresh.select.max_height) == (None, (), 720)


def test_codecs_in_upper_case_are_the_same(filled):
    layout, settings = filled
    small, large = (what_if(layout, settings, with_limits(settings, {"codecs": (name,)})) for name in ("h264", "H264"))
    assert large == small
    assert large.tried.kept > 0


def test_what_was_taken_down_is_out_before_anything_else(tmp_path):
    layout, settings = fill_once(tmp_path, [Clip("a.mp4", content_hash="x"), Clip("b.mp4", content_hash="x"), Clip("c.mp4")])
    buried = {"kind": "clip_key", "value": "own_clips/a.mp4", "request": "1", "cause": "a.mp4"}
    add_tombstones(layout, pd.DataFrame([buried]))
    found = what_if(layout, settings, with_limits(settings, {"min_height": 2000}))
    assert found.now.dropped == {"training_csv": {"taken_down": 1}}
    assert found.tried.dropped == {"training_csv": {"taken_down": 1}, "selected": {"too_small": 2}}


def test_it_says_what_a_reader_must_know_besides(filled):
    layout, settings = filled
    assert what_if(layout, settings, settings).notes == []
    larger = with_limits(settings, {"max_file_size_mib": 100.0, "min_frames": 10_000})
    large, nothing = what_if(layout, settings, larger).notes
    assert large == "1 clip of more than 50 MiB (filter.max_file_size_mib), never decoded: not counted in"
    assert nothing == "no clip is left: that would not be published"
    other = settings_of(layout.root, **SECTIONS, decode={"tolerated_reasons": ["truncated"]})
    (stale,) = what_if(layout, other, other).notes
    assert "2 shards must be checked again first" in stale


def test_a_limit_that_cannot_be_is_refused(filled):
    _, settings = filled
    with pytest.raises(ValidationError, match="min_frames"):
        with_limits(settings, {"min_frames": 0})
    with pytest.raises(ValidationError, match="no target 'wan'"):
        with_limits(settings, {}, trainers=("wan",))


def test_the_command_has_a_flag_for_every_limit_and_writes_nothing(tmp_path):
    fill_once(tmp_path, CLIPS)
    (tmp_path / "video_assets.toml").write_text('own_clips.folder = "/clips"\ndecode.n_shards = 2\nselect.min_fps = 23\n')
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    flags = ("--max-file-size-mib", "4", "--min-frames", "51", "--codecs", "h264", "--codecs", "hevc")
    tried = (*flags, "--min-scores", "aesthetic score=4.5", "--for", "open-sora-1.2")
    shown = command("what-if", "--data-root", tmp_path, *tried, "--json")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert found["limits"] == {
        "select.min_frames": 51,
        "select.min_fps": 23.0,
        "select.max_file_size_mib": 4.0,
        "select.codecs": ["h264", "hevc"],
        "select.min_scores": {"aesthetic score": 4.5},
        "training.for": ["open-sora-1.2"],
    }
    assert found["tried"]["kept"] < found["now"]["kept"]
    page = command("what-if", "--data-root", tmp_path, *tried).stdout
    assert "selected too_short" in page
    assert "own_clips, clips" in page
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--min-frames", "0"], "setting select.min_frames must be at least 1"),
        (
            ["--min-frames", "50", "--max-frames", "20"],
            "select: min_frames = 50 is more than max_frames = 20: no clip can be both",
        ),
        (["--max-height", "20"], "select: min_height = 100 is more than max_height = 20: no clip can be both"),
        (
            ["--min-scores", "motion=2", "--max-scores", "motion=1", "--max-scores", "other=1"],
            "select: min_scores 'motion' = 2.0 is more than max_scores 'motion' = 1.0: no clip can be both",
        ),
        (["--min-scores", "motion"], "--min-scores 'motion': give NAME=NUMBER"),
        (["--for", "wan"], "setting training.for: there is no target 'wan'"),
    ],
)
def test_a_flag_that_is_wrong_is_said_in_one_line(tmp_path: Path, flags: list[str], said: str):
    fill_once(tmp_path, CLIPS[:3])
    (tmp_path / "video_assets.toml").write_text('own_clips.folder = "/clips"\ndecode.n_shards = 2\nselect.min_height = 100\n')
    done = command("what-if", "--data-root", tmp_path, *flags)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
