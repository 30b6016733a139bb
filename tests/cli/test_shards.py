"""`video-assets shard` and `shards`: one more machine at work on a data root, without Dagster."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import command
from prepared_shards import SHARDS, prepare

from video_assets.pipeline.decode_check import CHECK, check_shards
from video_assets.progress import LogProgress
from video_assets.settings.steps import Decode
from video_assets.storage.layout import Layout
from video_assets.storage.leases import hold

N_CLIPS = 12


@pytest.fixture(scope="module")
def prepared(sample, tmp_path_factory):
    base = tmp_path_factory.mktemp("shards")
    clips = [sample.clips / ("broken/bad-disk.mp4" if number == 0 else "aquarium.mp4") for number in range(N_CLIPS)]
    return prepare(base, clips).root


@pytest.fixture
def layout(prepared, tmp_path):
    return Layout(Path(shutil.copytree(prepared, tmp_path / "data")))


def start(layout, *arguments, **options):
    command = [sys.executable, "-m", "video_assets.cli.app", *arguments, "--data-root", str(layout.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def call(layout, *arguments):
    """Exit code, lines on stdout, and what was said on stderr."""
    done = command(*arguments, "--data-root", layout.root)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_what_the_command_decodes_a_run_of_all_shards_finds_and_does_not_decode_again(layout):
    code, lines, said = call(layout, "shard", SHARDS[1], SHARDS[0], SHARDS[1], "--json")
    assert code == 0
    told = {record["shard"]: record for record in map(json.loads, lines)}
    assert set(told) == {SHARDS[0], SHARDS[1]}
    assert {record["status"] for record in told.values()} == {"complete"}
    assert all(record["n_decoded"] == record["n_clips"] for record in told.values())
    assert "decode check" in said

    code, lines, _ = call(layout, "shards", "--open")
    assert (code, lines) == (0, SHARDS[2:])
    code, lines, _ = call(layout, "shards", "--json")
    states = [json.loads(line) for line in lines]
    assert [state["state"] for state in states] == ["complete", "complete", "left"]
    assert sum(state["clips"] for state in states) == N_CLIPS

    every = check_shards(layout, SHARDS, settings=Decode(n_shards=3, workers=1), progress=LogProgress(lambda _line: None))
    assert {outcome.shard: outcome.n_decoded for outcome in every} == {
        SHARDS[0]: 0,
        SHARDS[1]: 0,
        SHARDS[2]: states[2]["clips"],
    }


def test_a_shard_that_somebody_else_holds_is_told_and_skipped(layout):
    with hold(layout.lease(CHECK, SHARDS[0]), stale_after_s=90.0, run_id="abc"):
        code, lines, said = call(layout, "shard", SHARDS[0], SHARDS[2], "--json")
        _, table, _ = call(layout, "shards")
    told = [json.loads(line) for line in lines]
    assert code == 4
    assert [(record["shard"], record["status"]) for record in told] == [(SHARDS[2], "complete"), (SHARDS[0], "held")]
    assert f"run abc, process {os.getpid()} on " in told[1]["holder"]
    assert f"process {os.getpid()} on {socket.gethostname()} ({pwd.getpwuid(os.geteuid()).pw_name})" in table[0]
    assert "Traceback" not in said


def test_with_wait_it_is_checked_when_the_other_has_ended(layout):
    with hold(layout.lease(CHECK, SHARDS[0]), stale_after_s=90.0):
        process = start(layout, "shard", SHARDS[0], "--wait")
        for line in process.stderr:
            if line.startswith("wait for process"):
                break
    out, said = process.communicate(timeout=900)
    assert (process.returncode, out.split()[:2]) == (0, [SHARDS[0], "complete"]), said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_keeps_what_is_decided(layout, number):
    told = {"VIDEO_ASSETS_DECODE__WORKERS": "1", "VIDEO_ASSETS_DECODE__STOP_GRACE_S": "0"}
    process = start(layout, "shard", *SHARDS, env={**os.environ, **told})
    for line in process.stdout:  # a shard is complete: it is in the middle of the others, or at its end
        assert "complete" in line
        process.send_signal(number)
        break
    process.communicate(timeout=900)
    assert process.returncode in {130, 0}
    code, lines, _ = call(layout, "shards", "--open")
    assert code == 0
    assert len(lines) < len(SHARDS)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ["shard", "00003-of-00003"],
            2,
            "is no shard: decode.n_shards is 3, so they are called 00000-of-00003 to 00002-of-00003",
        ),
        (["shard"], 2, "KEY"),
        (["shards", "--open", "--all"], 2, "give one"),
    ],
)
def test_wrong_usage_is_told(layout, arguments, code, words):
    assert call(layout, *arguments)[0::2][0] == code
    assert words in call(layout, *arguments)[2]


def test_without_lists_it_says_how_to_make_them(layout):
    shutil.rmtree(layout.shard_list("x").parent)
    for arguments in (["shard", SHARDS[0]], ["shards", "--open"]):
        code, lines, said = call(layout, *arguments)
        assert (code, lines) == (1, [])
        assert "video-assets run --prepare-only" in said
