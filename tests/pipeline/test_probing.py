"""`video-assets probe-new` beside enriched_metadata: every new clip is probed once, whoever does it and whatever ends them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import probe_program
import pytest
import tomlkit
from command_line import command

from video_assets.core.sharding import N_PROBE_PARTS, PROBE_PARTS, shard_of
from video_assets.pipeline.enrich import enrich, is_final
from video_assets.pipeline.probing import PROBE, probe_new
from video_assets.pipeline.shard import MAX_UNREADABLE
from video_assets.progress import no_progress
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import refresh_own_clips
from video_assets.storage.layout import Layout
from video_assets.storage.leases import holder_of
from video_assets.storage.parts import read_parts

N_CLIPS = 300


def part_of(key):
    return shard_of(key, n_shards=N_PROBE_PARTS)


CLIPS_OF = Counter(part_of(f"own_clips/{number}.mp4") for number in range(N_CLIPS))


@pytest.fixture(scope="module")
def listed(sample, tmp_path_factory):
    """A data root with a ledger, and no clip probed yet."""
    base = tmp_path_factory.mktemp("probing")
    clips = base / "clips"
    clips.mkdir()
    shutil.copy2(sample.clips / "aquarium.mp4", base / "clip.mp4")
    for number in range(N_CLIPS):
        (clips / f"{number}.mp4").hardlink_to(base / "clip.mp4")
    captions = base / "captions.csv"
    captions.write_text("path,text\n" + "".join(f"{number}.mp4,fish number {number}\n" for number in range(N_CLIPS)))
    told = {
        "own_clips": {"folder": str(clips), "captions": str(captions), "settle_s": 0},
        "decode": {"workers": 1, "retries": 0, "stop_grace_s": 5},
    }
    root = base / "data"
    root.mkdir()
    (root / "video_assets.toml").write_text(tomlkit.dumps(told))
    refresh_own_clips(Layout(root), Settings(data_root=root, **told))
    return root


@pytest.fixture(scope="module")
def undisturbed(listed, tmp_path_factory):
    """The tables of one run alone."""
    layout = Layout(Path(shutil.copytree(listed, tmp_path_factory.mktemp("alone") / "data")))
    assert make_table(layout) == N_CLIPS
    return tables(layout)


@pytest.fixture
def layout(listed, tmp_path):
    return Layout(Path(shutil.copytree(listed, tmp_path / "data")))


@pytest.fixture
def start(layout):
    """Starts programs on the data root, and ends all of them."""
    started = []

    def begin(*command):
        environment = {**os.environ, "VIDEO_ASSETS_DATA_ROOT": str(layout.root)}
        started.append(
            subprocess.Popen(
                [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return started[-1]

    yield begin
    for program in started:
        program.kill()
        program.communicate()


HELP = ["-m", "video_assets.cli.app", "probe-new", "--json"]


@pytest.fixture
def help_once(layout):
    """Runs the program from its beginning to its end: nobody sends it a signal, so it may be a forked one."""

    def run():
        return command("probe-new", "--json", env={**os.environ, "VIDEO_ASSETS_DATA_ROOT": str(layout.root)})

    return run


def settings_of(layout):
    return Settings(data_root=layout.root, **tomlkit.parse(layout.settings.read_text()).unwrap())


def make_table(layout):
    """In this process; the clips that it probed itself."""
    settings = settings_of(layout)
    return enrich(layout, settings.sources, settings=settings.decode, progress=no_progress).n_new


def tables(layout):
    return {path.name: path.read_bytes() for path in sorted(layout.enriched_metadata.parent.glob("*.parquet"))}


def helped(program):
    """What a program says at its end, or said."""
    if isinstance(program, subprocess.CompletedProcess):
        told, said = program.stdout, program.stderr
    else:
        told, said = program.communicate(timeout=600)
    assert program.returncode == 0, said
    return json.loads(told)


def probed(layout):
    """Keys of all clips that were probed and are in no table yet."""
    return [record["clip_key"] for record in read_parts(layout.probe_parts)[0]]


def wait_until_at_work(layout):
    """Until a part has its first results: its holder is in the middle of the clips."""
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size for path in layout.probe_parts.glob("*.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.002)


def parts_at_work(layout):
    """Parts that somebody holds, and that have clips without a durable result."""
    measured = Counter(part_of(key) for key in probed(layout))
    holders = {part: holder_of(layout.lease(PROBE, part)) for part in PROBE_PARTS}
    return [part for part, who in holders.items() if who and "?" not in who and measured[part] < CLIPS_OF[part]]


def stop_in_a_part(layout, program):
    """Stop it (SIGSTOP) in the middle of a part, after others are done."""
    wait_until_at_work(layout)
    while True:
        program.send_signal(signal.SIGSTOP)
        wait_for_state(program, "T")
        if parts_at_work(layout):
            return
        program.send_signal(signal.SIGCONT)
        time.sleep(0.005)


def wait_for_state(program, state):
    while (now := Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()[0]) != state:
        assert now != "Z", "it ended before it could be stopped"
        time.sleep(0.001)


def test_what_helpers_leave_the_table_takes_and_probes_nothing(layout, help_once, undisturbed):
    assert helped(help_once()) == {"n_probed": N_CLIPS, "held": {}}
    assert len(probed(layout)) == len(set(probed(layout))) == N_CLIPS
    assert helped(help_once()) == {"n_probed": 0, "held": {}}
    assert make_table(layout) == 0
    assert tables(layout) == undisturbed
    assert list(layout.probe_parts.iterdir()) == []
    assert helped(help_once()) == {"n_probed": 0, "held": {}}
    assert list(layout.probe_parts.iterdir()) == []


def test_killed_in_the_middle_the_next_one_goes_on(layout, start, help_once, undisturbed):
    first = start(*HELP)
    # Not while it claims a part: a claim that is still empty names nobody, and counts until it is old.
    stop_in_a_part(layout, first)
    first.kill()
    first.communicate()
    n_kept = len(probed(layout))
    assert 0 < n_kept < N_CLIPS
    assert helped(help_once()) == {"n_probed": N_CLIPS - n_kept, "held": {}}
    assert sorted(probed(layout)) == sorted(set(probed(layout)))
    assert make_table(layout) == 0
    assert tables(layout) == undisturbed


def test_killed_in_the_middle_the_table_is_made_all_the_same(layout, start, undisturbed):
    first = start(*HELP)
    wait_until_at_work(layout)
    first.kill()
    first.communicate()
    n_kept = len(probed(layout))
    assert make_table(layout) == N_CLIPS - n_kept
    assert tables(layout) == undisturbed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_keeps_what_is_measured(layout, start, help_once, undisturbed, number):
    first = start(*HELP)
    wait_until_at_work(layout)
    first.send_signal(number)
    _, said = first.communicate(timeout=600)
    assert first.returncode == 130
    assert "Traceback" not in said
    n_kept = len(probed(layout))
    assert helped(help_once()) == {"n_probed": N_CLIPS - n_kept, "held": {}}
    assert make_table(layout) == 0
    assert tables(layout) == undisturbed


def test_two_helpers_at_once_share_the_parts(layout, start, help_once, undisturbed):
    first = start(*HELP)
    stop_in_a_part(layout, first)
    second = helped(help_once())
    assert len(second["held"]) == 1
    assert f"process {first.pid} on " in next(iter(second["held"].values()))
    first.send_signal(signal.SIGCONT)
    told = helped(first)
    assert told["held"] == {}
    assert min(told["n_probed"], second["n_probed"]) > 0
    assert told["n_probed"] + second["n_probed"] == N_CLIPS == len(set(probed(layout)))
    assert make_table(layout) == 0
    assert tables(layout) == undisturbed


def test_the_table_waits_for_a_helper_and_takes_what_it_did(layout, start, undisturbed):
    helper = start(*HELP)
    stop_in_a_part(layout, helper)
    table = start(probe_program.__file__, str(layout.root))
    wait_until_it_waits(table, helper)
    assert not layout.enriched_metadata.exists()
    helper.send_signal(signal.SIGCONT)
    n_helped = helped(helper)["n_probed"]
    n_own, said = table.communicate(timeout=600)
    assert table.returncode == 0, said
    assert n_helped + int(n_own) == N_CLIPS
    assert tables(layout) == undisturbed
    assert list(layout.probe_parts.iterdir()) == []


def wait_until_it_waits(program, other):
    said = []
    for line in program.stderr:
        said.append(line)
        if line.startswith("wait for"):
            assert f"process {other.pid} on " in line
            assert "at work on probe part" in line
            return
    pytest.fail(f"it never said that it waits: {program.wait()} {said}")


def test_a_helper_that_dies_while_the_table_waits_for_it_is_replaced(layout, start, undisturbed):
    helper = start(*HELP)
    stop_in_a_part(layout, helper)
    table = start(probe_program.__file__, str(layout.root))
    wait_until_it_waits(table, helper)
    helper.kill()
    helper.communicate()
    _, said = table.communicate(timeout=600)
    assert table.returncode == 0, said
    assert tables(layout) == undisturbed


def test_a_helper_that_comes_while_the_table_is_being_made_takes_the_parts_that_are_left(layout, start, help_once, undisturbed):
    table = start(probe_program.__file__, str(layout.root))
    stop_in_a_part(layout, table)
    told = helped(help_once())
    assert len(told["held"]) == 1
    assert "run table" in next(iter(told["held"].values()))
    assert told["n_probed"] > 0
    table.send_signal(signal.SIGCONT)
    n_own, said = table.communicate(timeout=600)
    assert table.returncode == 0, said
    assert told["n_probed"] + int(n_own) == N_CLIPS
    assert tables(layout) == undisturbed
    assert list(layout.probe_parts.iterdir()) == []


def test_a_helper_that_has_planned_does_nothing_when_the_table_is_made_before_it_begins(layout, undisturbed):
    @contextmanager
    def table_comes_first(label, total, unit):
        assert total == N_CLIPS
        assert make_table(layout) == N_CLIPS
        with no_progress(label, total, unit) as advance:
            yield advance

    settings = settings_of(layout)
    helped = probe_new(layout, settings.sources, settings=settings.decode, progress=table_comes_first)
    assert helped.n_probed == 0
    assert probed(layout) == []
    assert tables(layout) == undisturbed


def test_storage_that_does_not_deliver_is_told_and_nothing_of_it_is_believed(layout, help_once, undisturbed):
    clips = settings_of(layout).own_clips.folder
    gone = clips.with_name("gone")
    clips.rename(gone)
    try:
        done = help_once()
    finally:
        gone.rename(clips)
    said = done.stderr
    assert (done.returncode, done.stdout) == (1, "")
    assert "clips could not be read here, first own_clips/" in said
    assert "0 others were probed" in said
    assert probed(layout) == []
    n_named = int(said.split(" clips could not be read here")[0].rsplit(maxsplit=1)[-1])
    assert MAX_UNREADABLE <= n_named < MAX_UNREADABLE + 10
    assert not layout.enriched_metadata.exists()
    assert make_table(layout) == N_CLIPS
    assert tables(layout) == undisturbed


def test_before_anything_is_listed_it_says_what_to_do(layout, help_once):
    shutil.rmtree(layout.root / "raw")
    done = help_once()
    said = done.stderr
    assert done.returncode == 1
    assert "own_clips" in said
    assert "materialize" in said
    assert "Traceback" not in said


def test_nobody_keeps_a_lease(layout, help_once):
    helped(help_once())
    make_table(layout)
    assert not any(holder_of(layout.lease(PROBE, part)) for part in PROBE_PARTS)
    settings = settings_of(layout)
    assert is_final(layout, settings.sources)
