"""Two runs of the same shards at once, one of them killed or stopped: the result is that of one undisturbed run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import shard_program
from shard_program import N_SHARDS

from video_assets.core.sharding import shard_keys
from video_assets.pipeline.enrich import enrich
from video_assets.pipeline.shard import Shard
from video_assets.pipeline.shard_lists import write_shard_lists
from video_assets.pipeline.size_filter import filter_by_size
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold

SHARDS = shard_keys(N_SHARDS)
N_CLIPS = 40
FREE_BOX = (1000).to_bytes(4, "big") + b"free" + bytes(992)


@pytest.fixture(scope="module")
def prepared(sample, tmp_path_factory):
    """A data root with shard lists over copies of one clip, and no verdict yet."""
    base = tmp_path_factory.mktemp("shards")
    for number in range(N_CLIPS):
        clip = base / "clips" / f"{number}.mp4"
        clip.parent.mkdir(exist_ok=True)
        shutil.copy2(sample.clips / ("aquarium.mp4" if number else "broken/bad-disk.mp4"), clip)
        clip.with_suffix(".txt").write_text(f"fish number {number}")
        os.utime(clip.with_suffix(".txt"), (1_700_000_000, 1_700_000_000))
    settings = Settings(data_root=base / "data", own_clips={"folder": base / "clips", "settle_s": 0})
    layout = Layout(settings.data_root)
    refresh_own_clips(layout, settings)
    enrich(layout, settings.sources, settings=settings.decode, progress=no_progress)
    filter_by_size(layout, max_bytes=1 << 30)
    list(write_shard_lists(layout, SHARDS, n_shards=N_SHARDS))
    return layout.root


@pytest.fixture
def root(prepared, tmp_path):
    return Path(shutil.copytree(prepared, tmp_path / "data"))


@pytest.fixture
def check(root):
    """Starts runs of both shards, and ends all of them."""
    started = []

    def start(lease_stale_s=600.0):
        command = [sys.executable, shard_program.__file__, str(root), str(lease_stale_s)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for program in started:
        program.kill()
        program.communicate()


@pytest.fixture(scope="module")
def undisturbed(prepared, tmp_path_factory):
    """Bytes of all results of one run alone."""
    root = shutil.copytree(prepared, tmp_path_factory.mktemp("undisturbed") / "data")
    subprocess.run([sys.executable, shard_program.__file__, root, "600"], check=True, capture_output=True)
    return results(root)


def results(root):
    return {path.name: path.read_bytes() for path in sorted((Path(root) / "decode" / "checked").iterdir())}


def outcomes_of(program):
    told, log = program.communicate(timeout=900)
    assert program.returncode == 0, log
    return json.loads(told), log


def wait_for_verdicts(root, *, n_parts=1):
    """Until runs have given their first verdicts and are in the middle of a shard."""
    deadline = time.monotonic() + 120
    while len(list((root / "decode" / "verdicts").glob("*.parts/*.jsonl"))) < n_parts:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_runs_at_once_decode_every_clip_once_and_both_succeed(root, check, undisturbed):
    runs = [check(), check()]
    told = [outcomes_of(run) for run in runs]
    for outcomes, _log in told:
        assert sorted(outcome["shard"] for outcome in outcomes) == SHARDS
        assert not any(outcome["failure"] for outcome in outcomes)
    assert sum(outcome["n_decoded"] for outcomes, _log in told for outcome in outcomes) == N_CLIPS
    assert results(root) == undisturbed


def wait_until_it_waits(program, other):
    """Until `program` says that it waits for `other`."""
    for line in program.stderr:
        if line.startswith("wait for"):
            assert f"process {other.pid} on " in line
            assert "wait for run run-" in line
            return
    pytest.fail("it never said that it waits")


def test_a_run_that_meets_another_does_its_other_shards_and_waits(root, check, undisturbed):
    first = check()
    wait_for_verdicts(root)
    first.send_signal(signal.SIGSTOP)
    second = check()
    wait_until_it_waits(second, first)
    assert len(list((root / "decode" / "checked").glob("*.dropped.parquet"))) == 1
    first.send_signal(signal.SIGCONT)
    told = [outcomes_of(run)[0] for run in (first, second)]
    assert not any(outcome["failure"] for outcomes in told for outcome in outcomes)
    assert sum(outcome["n_decoded"] for outcomes in told for outcome in outcomes) == N_CLIPS
    assert results(root) == undisturbed


def test_when_the_other_run_is_killed_its_shard_is_taken_over(root, check, undisturbed):
    first = check()
    wait_for_verdicts(root)
    first.send_signal(signal.SIGSTOP)
    second = check()
    wait_until_it_waits(second, first)
    first.kill()
    first.wait()
    outcomes, _log = outcomes_of(second)
    assert sorted(outcome["shard"] for outcome in outcomes) == SHARDS
    assert not any(outcome["failure"] for outcome in outcomes)
    assert results(root) == undisturbed


def test_a_run_that_was_stopped_and_overtaken_writes_nothing_and_ends_well(root, check, undisturbed):
    first = check(lease_stale_s=2)
    wait_for_verdicts(root)
    first.send_signal(signal.SIGSTOP)
    outcomes, _log = outcomes_of(check(lease_stale_s=2))
    assert not any(outcome["failure"] for outcome in outcomes)
    written = {path: path.stat().st_mtime_ns for path in (root / "decode" / "checked").iterdir()}
    first.send_signal(signal.SIGCONT)
    outcomes, _log = outcomes_of(first)
    assert sorted(outcome["shard"] for outcome in outcomes) == SHARDS
    assert not any(outcome["failure"] for outcome in outcomes)
    assert {path: path.stat().st_mtime_ns for path in (root / "decode" / "checked").iterdir()} == written
    assert results(root) == undisturbed


def test_the_clips_that_take_longest_come_first_so_that_no_core_idles_at_the_end(sample, tmp_path):
    n_copies = {"short": 1, "longest": 4, "middle": 2}
    for name, count in n_copies.items():
        clip = tmp_path / "clips" / f"{name}.mp4"
        clip.parent.mkdir(exist_ok=True)
        # Bytes after the index are nobody's: as many pixels, a larger file.
        clip.write_bytes((sample.clips / "aquarium.mp4").read_bytes() + b"".join(FREE_BOX for _ in range(count)))
        clip.with_suffix(".txt").write_text(name)
    settings = Settings(data_root=tmp_path / "data", own_clips={"folder": tmp_path / "clips", "settle_s": 0})
    layout = Layout(settings.data_root)
    refresh_own_clips(layout, settings)
    enrich(layout, settings.sources, settings=settings.decode, progress=no_progress)
    filter_by_size(layout, max_bytes=1 << 30)
    [shard] = shard_keys(1)
    list(write_shard_lists(layout, [shard], n_shards=1))
    with hold(tmp_path / "lease", stale_after_s=60.0) as lease:
        tasks = list(Shard(layout, shard, settings.decode, lease).tasks())
    assert [Path(task.path).stem for task in tasks] == ["longest", "middle", "short"]
    assert [task.cost for task in tasks] == sorted((task.cost for task in tasks), reverse=True)


def test_tables_of_other_shards_are_looked_through_only_after_another_number_of_shards(root):
    layout = Layout(root)
    layout.verdicts_folder.mkdir(parents=True, exist_ok=True)
    with hold(layout.lease("any", "shard"), stale_after_s=90) as lease:
        layout.verdicts(SHARDS[1]).write_bytes(b"not to be read")
        assert Shard(layout, SHARDS[0], Settings().decode, lease).n_known == 0
        layout.verdicts("00000-of-00001").write_bytes(b"torn")
        with pytest.raises(ValueError, match="00000-of-00001"):
            Shard(layout, SHARDS[0], Settings().decode, lease)
