"""The census counts every clip once: in buckets, or under a cause."""

import json
import re

import numpy as np
import pytest
from command_line import command
from data_roots import Clip, fill

from video_assets.census.census import count, take_census
from video_assets.census.picture import census_png
from video_assets.census.presets import TRAINERS, Wanted, place, read_config
from video_assets.census.rules.placing import Clips
from video_assets.core.errors import UsageError
from video_assets.publish.publish import publish
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError

CLIPS = [Clip(f"{n}.mp4", num_frames=40 + 10 * n, height=720, width=1280, fps=24.0) for n in range(10)]


@pytest.fixture
def layout(tmp_path) -> Layout:
    layout, settings = fill(tmp_path, CLIPS)
    publish(layout, settings)
    return layout


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_clip_has_a_bucket_or_a_cause(trainer):
    random = np.random.default_rng(1)
    rows = Clips(*(random.integers(1, high, 2_000) for high in (300, 1200, 2000)), random.choice([15.0, 24.0, 30.0, 60.0], 2_000))
    placed = place(trainer, rows, Wanted())
    found = count(trainer, 1, rows, placed, batch_size=4)
    assert found.placed + sum(found.left_out.values()) == found.clips == 2_000
    assert sum(row["clips"] for row in found.buckets) == found.batches * 4 + found.lost_in_small_buckets
    assert 0 <= found.frames_cut_share < 1
    assert 0 <= found.pixels_cut_share < 1
    assert census_png(found)[1:4] == b"PNG"


def test_buckets_hours_batches_and_what_is_cut_away(layout):
    found = take_census(layout, "wan-2.1", Wanted(frames=(49,), fps=16.0, size=(1280, 720)), batch_size=2)
    # 49 frames at 16 a second are 73.5 of 24: clips of 80 frames and more.
    assert (found.placed, found.left_out) == (6, {"too few frames": 1, "too few frames after the change of rate": 3})
    assert found.buckets == [{"bucket": "1280x720x49", "clips": 6, "hours": pytest.approx(6 * 49 / 16 / 3600), "batches": 3}]
    assert found.pixels_cut_share == pytest.approx(0)
    assert found.frames_cut_share == pytest.approx(1 - 6 * 73.5 / sum(range(80, 140, 10)))


def test_the_trainers_own_config_file_counts(layout, tmp_path):
    config = tmp_path / "dataset.toml"
    config.write_text("frame_buckets = [1, 81]\nnum_ar_buckets = 1\nmin_ar = 1.0\n")
    found = take_census(layout, "diffusion-pipe", Wanted(fps=24.0, config=read_config(config)))
    assert [row["bucket"] for row in found.buckets] == ["1.000 81"]
    other = tmp_path / "buckets.json"
    other.write_text(json.dumps({"256px": {"9": [1.0, 4]}}))
    found = take_census(layout, "open-sora-2.0", Wanted(config=read_config(other)))
    assert [row["bucket"] for row in found.buckets] == ["256px 9 16:9"]


def test_what_is_wrong_is_said(layout, tmp_path):
    with pytest.raises(UsageError, match=r"no trainer 'x'; there are: open-sora-1\.2"):
        take_census(layout, "x", Wanted())
    with pytest.raises(UsageError, match=r"census wan-2\.1: 80 frames: the model takes 4 n \+ 1"):
        take_census(layout, "wan-2.1", Wanted(frames=(80,)))
    (tmp_path / "bad.toml").write_text("= 1")
    with pytest.raises(UsageError, match=r"bad\.toml is no readable TOML"):
        read_config(tmp_path / "bad.toml")
    with pytest.raises(StageError, match=r"no published version"):
        take_census(Layout(tmp_path / "nowhere"), "ltx", Wanted())


def test_the_command_prints_a_table_or_json_and_draws(layout, tmp_path):
    picture = tmp_path / "census.png"
    options = ("--frames", "49", "--fps", "16", "--size", "1280x720", "--data-root", layout.root)
    done = command("census", "wan-2.1", *options, "--png", picture)
    assert done.returncode == 0, done.stderr
    assert "6 of 10 clips have a bucket" in done.stdout
    assert re.search(r"^1280x720x49 +6 +18\.4 s +6$", done.stdout, re.MULTILINE)
    assert "falls out          3 too few frames after the change of rate" in done.stdout
    assert "\nin an epoch        6 batches of 1 clip each, 0 clips left over\n" in done.stdout
    assert "1 batch of 4 clips, 2 clips left over" in command("census", "wan-2.1", *options, "--batch-size", "4").stdout
    assert picture.read_bytes()[1:4] == b"PNG"
    assert json.loads(command("census", "wan-2.1", *options, "--json").stdout)["placed"] == 6
    wrong = command("census", "wan-2.1", "--size", "wide", "--data-root", layout.root)
    assert (wrong.returncode, "give whole numbers above 0 with 'x'" in wrong.stderr) == (2, True)
