"""The command line as people and scripts use it: answers, exit codes, errors without tracebacks."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import command
from data_roots import Clip, fill
from disks import small_disk

from video_assets.checking.records import ClipRecord
from video_assets.cli import terminal
from video_assets.publish.publish import publish
from video_assets.samples.demo.make import Sample

GOOD = ("aquarium.mp4", "windmill.webm")
BAD = "broken/bad-disk.mp4"
PROGRAM_HELP = [sys.executable, "-m", "video_assets.cli.app", "--help"]
KEYS = {
    "path", "verdict", "reason", "errors", "num_frames", "height", "width", "fps", "duration_s", "file_size",
}  # fmt: skip


def records(done: "subprocess.CompletedProcess[str]") -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_check_prints_one_json_object_per_clip_in_the_order_given(sample: Sample) -> None:
    paths = [sample.clips / name for name in (GOOD[1], BAD, GOOD[0])]
    done = command("check", *paths, "--json")
    assert done.returncode == 1
    found = records(done)
    assert [record["path"] for record in found] == [str(path) for path in paths]
    assert [(record["verdict"], record["reason"]) for record in found] == [("good", ""), ("bad", "corrupt_video"), ("good", "")]
    assert all(set(record) == KEYS for record in found)
    assert any("[h264]" in line for line in found[1]["errors"])
    assert (found[0]["num_frames"], found[0]["width"], found[0]["height"]) == (60, 480, 270)


def test_check_of_good_clips_ends_with_0_and_a_table(sample: Sample) -> None:
    done = command("check", *(sample.clips / name for name in GOOD))
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == ["good", "good"]


def test_probe_says_that_frames_are_unchecked(sample: Sample) -> None:
    done = command("probe", sample.clips / GOOD[0], sample.clips / "broken" / "nothing.mp4", "--json")
    assert done.returncode == 1
    first, second = records(done)
    assert (first["verdict"], first["num_frames"], set(first)) == ("unchecked", 75, KEYS)
    assert (second["verdict"], second["reason"]) == ("bad", "empty_file")


@pytest.mark.parametrize("name", ["http:clip.mp4", "-i.mp4", "concat:a|b.mp4", "%03d.mp4", "new\nline.mp4"])
def test_names_that_look_like_something_else_are_files(sample: Sample, tmp_path: Path, name: str) -> None:
    shutil.copy2(sample.clips / GOOD[0], tmp_path / name)
    done = command("check", "--json", "--", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [(record["path"], record["verdict"]) for record in records(done)] == [(name, "good")]


@pytest.mark.parametrize("step", ["check", "probe"])
def test_every_path_has_its_record_and_what_could_not_be_looked_at_its_own_exit_code(
    sample: Sample, tmp_path: Path, step: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "lost.mp4").symlink_to("nowhere")
    good, bad = str(sample.clips / GOOD[0]), str(sample.clips / "broken" / "nothing.mp4")
    long = str(tmp_path / ("x" * 5000))
    paths = [good, "gone.mp4", "lost.mp4", "empty", long, bad]
    done = command(step, *paths, "--json", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    passed = "good" if step == "check" else "unchecked"
    no = "unreadable_now"
    found = [(record["path"], record["verdict"]) for record in records(done)]
    assert found == list(zip(paths, [passed, no, no, "no_clips", no, "bad"], strict=True))
    assert all(set(record) == KEYS for record in records(done))
    assert all(record["errors"] for record in records(done)[1:5])


def test_a_table_for_people_tells_what_could_not_be_looked_at(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "good.mp4").symlink_to(sample.clips / GOOD[0])  # a long path is shown in two lines
    done = command("check", "good.mp4", "gone.mp4", "empty", cwd=tmp_path)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines[1:4]] == ["good", "unreadable_now", "no_clips"]
    assert "error: No such file or directory: gone.mp4\n" in done.stderr
    assert "error: no clips in empty (looked for .mp4, .avi," in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("step", ["check", "probe"])
def test_an_empty_path_is_wrong_usage_and_not_the_working_directory(sample: Sample, step: str) -> None:
    done = command(step, GOOD[0], "", cwd=sample.clips)
    assert done.returncode == 2
    assert "PATH" in done.stderr
    assert "argument 2 is empty" in done.stderr
    assert not done.stdout


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv, so that root obeys permissions")
def test_a_locked_folder_has_its_line_and_the_others_are_checked(sample: Sample, tmp_path: Path) -> None:
    for name in ("a", "locked", "z"):
        (tmp_path / name).mkdir()
        shutil.copy2(sample.clips / GOOD[0], tmp_path / name / "1.mp4")
    (tmp_path / "locked").chmod(0)
    bounded = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []
    line = [*bounded, sys.executable, "-m", "video_assets.cli.app", "check", "--json", "."]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    (tmp_path / "locked").chmod(0o700)
    assert done.returncode == 3, done.stderr
    found = [(record["path"], record["verdict"]) for record in records(done)]
    assert found == [("a/1.mp4", "good"), ("locked", "unreadable_now"), ("z/1.mp4", "good")]
    assert records(done)[1]["errors"] == ["Permission denied: locked"]


def test_names_are_shown_as_they_are_and_cannot_write_to_the_terminal(sample: Sample, tmp_path: Path) -> None:
    name = "\x1b[31m:cat: [red]\n.mp4"
    shutil.copy2(sample.clips / GOOD[0], tmp_path / name)
    done = command("check", name, name.replace(".mp4", ".gone"), cwd=tmp_path)
    assert done.returncode == 3
    shown = r"\x1b[31m:cat: [red]\n"
    assert done.stdout.splitlines()[1].startswith(f"{shown}.mp4 ")
    assert f"error: No such file or directory: {shown}.gone\n" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("how", [["--json"], []])
def test_a_reader_that_went_away_gets_no_verdict_and_no_error(sample: Sample, how: list[str]) -> None:
    readers_end, writers_end = os.pipe()
    os.close(readers_end)
    line = [sys.executable, "-m", "video_assets.cli.app", "check", str(sample.clips / GOOD[0]), *how]
    done = subprocess.run(line, stdout=writers_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writers_end)
    assert done.returncode == 128 + signal.SIGPIPE
    assert "rror" not in done.stderr


def test_an_interrupted_check_says_that_nothing_is_kept(sample: Sample, tmp_path: Path) -> None:
    """The last clip's link cannot be followed, and the next try is so far away that Ctrl-C comes first."""
    shutil.copy2(sample.clips / GOOD[0], tmp_path / "a.mp4")
    (tmp_path / "b.mp4").symlink_to("a.mp4/nowhere")
    line = [sys.executable, "-m", "video_assets.cli.app", "check", "--json", "."]
    environment = os.environ | {"VIDEO_ASSETS_DECODE__RETRY_WAIT_S": "600"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, text=True, cwd=tmp_path, env=environment, **pipes) as check:
        first = json.loads(check.stdout.readline())
        check.send_signal(signal.SIGINT)
        rest, stderr = check.communicate(timeout=300)
    assert (first["path"], first["verdict"], rest) == ("a.mp4", "good", "")
    assert check.returncode == 130, stderr
    assert "stopped; clips without a line were not looked at" in stderr
    assert "kept" not in stderr


def test_a_table_shows_what_was_done_before_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> Iterator[ClipRecord]:
        yield ClipRecord(path="a.mp4", verdict="good", reason="", errors=())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        terminal.clips_table(interrupted())
    assert capsys.readouterr().out.splitlines()[1].split() == ["a.mp4", "good"]


def test_wrong_usage_ends_with_2() -> None:
    assert command("check").returncode == 2
    assert command("run", "--shards", "0").returncode == 2


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "video_assets.toml").write_text("[decode]\nn_shard = 3\n")
    done = command("run", "--clips", tmp_path / "clips", "--data-root", tmp_path)
    assert done.returncode == 2
    assert "decode.n_shard" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sample_does_not_go_into_a_data_root_with_other_clips(tmp_path: Path) -> None:
    (tmp_path / "video_assets.toml").write_text(f'[own_clips]\nfolder = "{tmp_path}/mine"\n')
    done = command("run", "--sample", "--data-root", tmp_path)
    assert done.returncode == 2
    assert "--data-root" in done.stderr


def test_the_first_run_of_a_newcomer_ends_with_the_csv_the_funnel_and_what_is_next(sample: Sample, tmp_path: Path) -> None:
    root = tmp_path / "with blanks"
    shutil.copytree(sample.clips, root / "sample")  # that it is made where there is none: tests/test_wheel.py
    done = command("run", "--sample", "--data-root", root)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[1].split() == ["listed", "34"]
    assert any("corrupt_video" in line for line in told)
    assert str(root / "training" / "training.csv") in done.stdout
    assert "Try next" in done.stdout
    assert "video-assets look --data-root" in done.stdout
    assert "draw the report: 8 of 8 steps" in done.stderr
    assert f"--data-root '{root}'" in done.stdout, "what to try next can be pasted"
    assert_why(root)
    again = command("run", "--sample", "--data-root", root)
    assert again.returncode == 0, again.stderr


def assert_why(data_root: Path) -> None:
    dropped = command("why", "bad-disk.mp4", "--data-root", data_root)
    assert dropped.returncode == 0
    assert "decode_check: corrupt_video" in dropped.stdout
    assert "[h264]" in dropped.stdout
    kept = json.loads(command("why", "aquarium.mp4", "--data-root", data_root, "--json").stdout)
    assert (kept["status"], kept["clip_key"]) == ("kept", "own_clips/aquarium.mp4")
    unknown = command("why", "never-seen.mp4", "--data-root", data_root)
    assert unknown.returncode == 1
    assert "never-seen.mp4" in unknown.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk as small as this")
@pytest.mark.parametrize("n_kib", [300, 700, 1_000])
def test_a_disk_that_is_too_small_for_the_history_of_runs_is_said_in_one_line(sample: Sample, tmp_path: Path, n_kib: int) -> None:
    with small_disk(tmp_path / "disk", n_kib * 1024):
        done = command("run", "--data-root", tmp_path / "disk" / "data", "--clips", sample.clips, "--captions", sample.captions)
    assert done.returncode == 1
    assert "the disk is full" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk that is full")
def test_what_one_asks_on_a_full_disk_is_answered_or_says_so_in_one_line(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text(f"path,text\n{sample.clips / GOOD[0]},Fish.\n")
    with small_disk(tmp_path / "disk", 64 << 20):
        root = tmp_path / "disk" / "data"
        done = command("run", "--data-root", root, "--captions", tmp_path / "captions.csv", "--shards", "1")
        assert done.returncode == 0, done.stderr
        free = os.statvfs(root).f_bavail * os.statvfs(root).f_frsize
        (tmp_path / "disk" / "ballast").write_bytes(bytes(free))
        status, cleaned, exported = (
            command(*words, "--data-root", root) for words in (["status"], ["clean-up"], ["export", "ltx"])
        )
    assert "Traceback" not in status.stderr + cleaned.stderr + exported.stderr
    assert status.returncode == 0, status.stderr
    assert "training_csv" in status.stdout
    assert "not known: writing Dagster's history: the disk is full" in " ".join(status.stdout.split())
    for done in (cleaned, exported):
        assert done.returncode == 1
        assert "the disk is full" in done.stderr.splitlines()[-1]
        assert str(root) in done.stderr.splitlines()[-1]


def test_version_and_help() -> None:
    assert command("--version").stdout.startswith("video-assets ")
    for name in ("run", "ui", "check", "probe", "why", "sample"):
        done = command(name, "--help")
        assert done.returncode == 0
        assert "Usage" in done.stdout
        assert "<bool>" not in done.stdout
    summaries = subprocess.run(
        PROGRAM_HELP, env=os.environ | {"COLUMNS": "80"}, capture_output=True, text=True, check=True
    ).stdout
    assert "..." not in summaries.replace("[ARGS]...", ""), "what a command does is told whole, on a terminal of 80 columns"
    assert "3 something could not be looked at" in " ".join(command("check", "--help").stdout.split())


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = command("ui", "--data-root", tmp_path, "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1", "nowhere.invalid"])
def test_a_host_that_is_not_this_machine_is_said(tmp_path: Path, host: str) -> None:
    done = command("ui", "--data-root", tmp_path, "--host", host, "--port", "3999")
    assert done.returncode == 1
    assert host in done.stderr
    assert "--host" in done.stderr
    assert "Traceback" not in done.stderr


def test_diff_says_what_changed_between_two_versions(tmp_path: Path) -> None:
    clips = [Clip(f"{number}.mp4") for number in range(9)]
    publish(*fill(tmp_path, clips))
    publish(*fill(tmp_path, [replace(clips[1], text="a cat"), *clips[2:], Clip("new.mp4")]))
    done = command("diff", "previous", "latest", "--data-root", tmp_path)
    assert done.returncode == 1, done.stderr
    assert "added 1, dropped 1, changed 1 (text 1)" in done.stdout
    assert "new.mp4" in done.stdout
    counts, *rows = records(command("diff", "1", "2", "--data-root", tmp_path, "--rows", "--json"))
    assert (counts["added"], counts["dropped"], counts["changed"]) == (1, 1, 1)
    assert rows[-1]["before"] == {"text": "a dog runs"}
    assert command("diff", "2", tmp_path / "training" / "training.csv", "--data-root", tmp_path).returncode == 0
    assert "'7' is no version" in command("diff", "7", "latest", "--data-root", tmp_path).stderr


def test_takedown_shows_first_and_removes_with_yes(sample: Sample, tmp_path: Path) -> None:
    clips, root = tmp_path / "clips", tmp_path / "root"
    clips.mkdir()
    for name in GOOD:
        shutil.copy2(sample.clips / name, clips)
        (clips / name).with_suffix(".txt").write_text(f"a clip of {name}")
        for path in clips.iterdir():
            os.utime(path, (1_700_000_000, 1_700_000_000))
    assert command("run", "--clips", clips, "--data-root", root, "--shards", "2").returncode == 0
    request = tmp_path / "request.txt"
    request.write_text(f"{GOOD[0]}\nabcdefghijk\n")
    shown = command("takedown", request, "--data-root", root)
    assert shown.returncode == 0, shown.stderr
    assert f"would remove  own_clips/{GOOD[0]}" in shown.stdout
    assert "no such clip  abcdefghijk" in shown.stdout
    assert (clips / GOOD[0]).exists()
    done = command("takedown", request, "--data-root", root, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["published"], report["versions"]) == ("version 2", {"1": 1})
    assert not (clips / GOOD[0]).exists()
    assert GOOD[0] not in (root / "training" / "training.csv").read_text()
    assert GOOD[1] in (root / "training" / "training.csv").read_text()
    shutil.copy2(sample.clips / GOOD[0], clips / "under another name.mp4")
    (clips / "under another name.txt").write_text("words")
    for path in clips.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    assert command("run", "--data-root", root).returncode == 0
    assert "another name" not in (root / "training" / "training.csv").read_text()
    assert "taken_down" in command("why", "under another name.mp4", "--data-root", root).stdout
