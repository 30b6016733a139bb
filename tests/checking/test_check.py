"""Checking many clips: real media, real deaths, a file system that really fails; every clip comes out exactly once."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from faulty_mount import faulty_mount, why_no_mount
from processes import survivors

from video_assets.checking.check import ClipTask, decode_clips, probe_clips
from video_assets.core.results import ClipVerdict
from video_assets.core.schema import VERDICTS
from video_assets.core.verdicts import CHECKER_VERSION
from video_assets.settings.steps import Decode

needs_mount = pytest.mark.skipif(bool(why_no_mount()), reason=why_no_mount())
HOSTILE = "hostile:work"


def settings(**changes):
    return Decode(**{"workers": 2, "timeout_s": 30, "cpu_s": 30, "retries": 2, "retry_wait_s": 0.05} | changes)


def make_clip(path, *, n_frames=10, size=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=size, height=size, pix_fmt="yuv420p")
        for number in range(n_frames):
            picture = np.full((size, size, 3), number * 20 % 255, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return path


def task(path, *, key=None):
    return ClipTask(clip_key=key or f"own_clips/{path.name}", path=str(path), cost=1.0)


def script(folder, name, **behaviour):
    """A "clip" whose text tells `hostile.work` how to behave."""
    path = folder / name
    path.write_text(json.dumps(behaviour))
    return task(path)


def verdicts(results):
    """Verdict by clip; each clip must come out once."""
    results = [(task.clip_key, verdict) for task, verdict in results]
    assert len(dict(results)) == len(results)
    return dict(results)


def good(path):
    """What a stand-in for the decoder answers."""
    return dict(ClipVerdict(verdict="good", file_size=path.stat().st_size).as_record)


@pytest.fixture
def clips(tmp_path):
    return [task(make_clip(tmp_path / "clips" / f"{number}.mp4")) for number in range(4)]


def test_real_clips_get_rows_of_the_verdicts_table(clips):
    found = verdicts(decode_clips(iter(clips), settings=settings()))
    assert {verdict.verdict for verdict in found.values()} == {"good"}
    assert list(found) != []
    for clip in clips:
        assert found[clip.clip_key].num_frames == 10
    rows = VERDICTS.frame([{"clip_key": clip.clip_key, **found[clip.clip_key].as_record} for clip in clips])
    assert rows["num_frames"].tolist() == [10] * len(clips)


def test_probes_tell_the_numbers_of_the_container(clips):
    found = verdicts(probe_clips(iter(clips), settings=settings()))
    assert {(probe.probe_status, probe.num_frames, probe.width) for probe in found.values()} == {("ok", 10, 64)}


def test_a_worker_killed_in_the_middle_of_a_decode_costs_a_second_try_and_no_verdict(tmp_path):
    long = task(make_clip(tmp_path / "long.mp4", n_frames=600, size=720))
    stopped = threading.Event()

    def kill_first_worker():
        while not stopped.is_set():
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if child.cpu_times().user > 0.05 and any("long.mp4" in file.path for file in child.open_files()):
                        child.kill()
                        stopped.set()
            time.sleep(0.005)

    killer = threading.Thread(target=kill_first_worker)
    killer.start()
    found = verdicts(decode_clips([long], settings=settings(workers=1)))
    was_killed = stopped.is_set()
    stopped.set()
    killer.join()
    assert was_killed
    assert (found[long.clip_key].verdict, found[long.clip_key].num_frames) == ("good", 600)


@pytest.mark.parametrize(
    ("how", "verdict", "errors", "changes"),
    [
        ("segfault", "crashed", "killed by SIGSEGV", {}),
        ("leave", "crashed", "ended with exit code 7", {}),
        ("echo", "crashed", "answered with columns ['pid']", {}),
        ("allocate_64_gb", "out_of_memory", "no more memory within the limit", {}),
        ("kill_itself", "out_of_memory", "killed by SIGKILL: by the kernel when memory ran out, or by hand", {}),
        ("spin", "timeout", "more than 1 CPU seconds", {"cpu_s": 1}),
        ("sleep", "timeout", "no answer within 0.5 seconds", {"timeout_s": 0.5}),
        ("stop", "timeout", "no answer within 0.5 seconds", {"timeout_s": 0.5}),
        ("fork_and_stay", "crashed", "left a process running", {}),
    ],
)
def test_what_ends_a_worker_is_the_verdict_on_its_clip_alone(how, verdict, errors, changes, tmp_path):
    healthy = [script(tmp_path, f"{n}.mp4", how="answer", answer=good(Path(__file__))) for n in range(5)]
    bad = script(tmp_path, "bad.mp4", how=how)
    tasks = [*healthy[:2], bad, *healthy[2:]]
    found = verdicts(decode_clips(tasks, settings=settings(**changes), work=HOSTILE))
    row = found.pop(bad.clip_key)
    assert (row.verdict, row.reason, row.errors) == (verdict, "", errors)
    assert row.file_size == Path(bad.path).stat().st_size
    assert row.mtime_ns == Path(bad.path).stat().st_mtime_ns
    assert row.checker_version == CHECKER_VERSION
    assert len(VERDICTS.frame([{"clip_key": "bad", **row.as_record}])) == 1
    assert {key: row.verdict for key, row in found.items()} == {clip.clip_key: "good" for clip in healthy}


def test_the_death_of_a_probe_is_told_in_its_own_columns(tmp_path):
    bad = script(tmp_path, "bad.mp4", how="segfault")
    [(_, probe)] = probe_clips([bad], settings=settings(), work=HOSTILE)
    assert (probe.probe_status, probe.probe_detail) == ("crashed", "killed by SIGSEGV")
    assert probe.file_size == Path(bad.path).stat().st_size


@pytest.mark.parametrize("how", ["sleep", "kill_itself"])
def test_what_a_busy_machine_can_cause_counts_only_when_it_happens_twice(how, tmp_path):
    clip = script(tmp_path, "busy.mp4", how="die_once", marker=str(tmp_path / "m"), first=how, answer=good(Path(__file__)))
    [(_, verdict)] = decode_clips([clip], settings=settings(timeout_s=1), work=HOSTILE)
    assert verdict.verdict == "good"


def test_a_crash_counts_at_once(tmp_path):
    clip = script(tmp_path, "x.mp4", how="die_once", marker=str(tmp_path / "m"), first="segfault", answer=good(Path(__file__)))
    [(_, verdict)] = decode_clips([clip], settings=settings(), work=HOSTILE)
    assert verdict.verdict == "crashed"


def test_a_missing_file_is_unreadable_and_tried_again_with_growing_pauses(tmp_path):
    started = time.monotonic()
    [(_, verdict)] = decode_clips([task(tmp_path / "gone.mp4")], settings=settings(retries=3, retry_wait_s=0.1))
    assert verdict.verdict == "unreadable_now"
    assert "ENOENT" in verdict.errors
    assert str(tmp_path / "gone.mp4") in verdict.errors
    assert 0.7 <= time.monotonic() - started < 60


def test_a_clip_that_died_and_whose_file_is_gone_is_unreadable(tmp_path):
    clip = script(tmp_path, "gone.mp4", how="remove_and_die", path=str(tmp_path / "gone.mp4"))
    [(_, verdict)] = decode_clips([clip], settings=settings(), work=HOSTILE)
    assert verdict.verdict == "unreadable_now"


def test_retries_do_not_hold_up_other_clips(clips, tmp_path):
    order = [clip.clip_key for clip, _ in decode_clips([task(tmp_path / "gone.mp4"), *clips], settings=settings(workers=1))]
    assert order[-1] == "own_clips/gone.mp4"
    assert len(order) == 5


def test_a_file_that_comes_back_between_two_tries_gets_its_verdict(clips):
    path = Path(clips[0].path)
    hidden = path.with_suffix(".hidden")
    path.rename(hidden)
    mender = threading.Timer(0.5, hidden.rename, [path])
    mender.start()
    [(_, verdict)] = decode_clips([clips[0]], settings=settings(retries=5, retry_wait_s=0.2))
    mender.join()
    assert verdict.verdict == "good"


@needs_mount
@pytest.mark.parametrize("step", [decode_clips, probe_clips])
@pytest.mark.parametrize(
    ("error", "on"),
    [
        ("EIO", ("read",)),
        ("ESTALE", ("lookup", "getattr")),
        ("EACCES", ("open",)),
        ("ENOTCONN", ("lookup", "getattr", "open", "read")),
    ],
)
def test_storage_errors_say_nothing_about_the_clip(step, error, on, clips, tmp_path):
    broken, whole = Path(clips[0].path), Path(clips[1].path)
    with faulty_mount(broken.parent, tmp_path / "mount") as mount:
        mount.fail(error, on=on, name=broken.name)
        tasks = [task(mount.folder / path.name) for path in (broken, whole)]
        found = verdicts(step(tasks, settings=settings()))
        column = "verdict" if step is decode_clips else "probe_status"
        assert getattr(found[tasks[0].clip_key], column) == "unreadable_now"
        assert getattr(found[tasks[1].clip_key], column) in {"good", "ok"}
        said = getattr(found[tasks[0].clip_key], "errors" if step is decode_clips else "probe_detail")
        assert os.strerror(errno.__dict__[error]) in said or error in said
        mount.mend()
        assert getattr(verdicts(step(tasks, settings=settings()))[tasks[0].clip_key], column) in {"good", "ok"}


@needs_mount
def test_short_reads_say_nothing_about_the_clip(clips, tmp_path):
    path = Path(clips[0].path)
    with faulty_mount(path.parent, tmp_path / "mount") as mount:
        mount.shorten_reads()
        [(_, verdict)] = decode_clips([task(mount.folder / path.name)], settings=settings())
    assert verdict.verdict == "unreadable_now"


@needs_mount
def test_a_mount_that_recovers_while_clips_are_tried_again_costs_no_clip(clips, tmp_path):
    folder = Path(clips[0].path).parent
    with faulty_mount(folder, tmp_path / "mount") as mount:
        mount.fail("EIO")
        mender = threading.Timer(0.5, mount.mend)
        mender.start()
        tasks = [task(mount.folder / Path(clip.path).name) for clip in clips]
        found = verdicts(decode_clips(tasks, settings=settings(retries=5, retry_wait_s=0.2)))
        mender.join()
    assert {verdict.verdict for verdict in found.values()} == {"good"}


@needs_mount
def test_a_mount_that_hangs_holds_up_neither_other_clips_nor_the_end(clips, tmp_path):
    folder = Path(clips[0].path).parent
    with faulty_mount(folder, tmp_path / "mount") as mount:
        mount.hang(name="0.mp4")
        tasks = [task(mount.folder / Path(clip.path).name) for clip in clips]
        started = time.monotonic()
        found = verdicts(decode_clips(tasks, settings=settings(timeout_s=0.5)))
        assert time.monotonic() - started < 60
    assert found["own_clips/0.mp4"].verdict == "unreadable_now"
    assert "does not answer" in found["own_clips/0.mp4"].errors
    assert {found[f"own_clips/{number}.mp4"].verdict for number in (1, 2, 3)} == {"good"}


def test_names_that_look_like_something_else_are_files(tmp_path):
    names = ["http:x.mp4", "-i.mp4", "concat:a|b.mp4", "new\nline.mp4", os.fsdecode(b"latin-\xe9.mp4"), "%03d.mp4"]
    first = make_clip(tmp_path / "clip.mp4")
    for name in names:
        (tmp_path / name).write_bytes(first.read_bytes())
    found = verdicts(decode_clips([task(tmp_path / name) for name in names], settings=settings()))
    assert {verdict.verdict for verdict in found.values()} == {"good"}


def test_an_interrupt_ends_the_workers_and_comes_through(tmp_path):
    code = f"""
from video_assets.checking.check import ClipTask, decode_clips
from video_assets.settings.steps import Decode
import sys
sys.path.append({str(Path(__file__).parents[1] / "fakes")!r})
tasks = [ClipTask(str(n), {str(tmp_path / "slow.mp4")!r}, 1.0) for n in range(9)]
print("started", flush=True)
for _ in decode_clips(tasks, settings=Decode(workers=2), work="hostile:work"):
    pass
"""
    script(tmp_path, "slow.mp4", how="sleep")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        parent.stdout.readline()
        process = psutil.Process(parent.pid)
        while len(workers := process.children(recursive=True)) < 2:
            time.sleep(0.01)
        parent.send_signal(signal.SIGINT)
        _, stderr = parent.communicate(timeout=300)
        assert parent.returncode == -signal.SIGINT
        assert stderr.strip().endswith("KeyboardInterrupt")
        assert not survivors([worker.pid for worker in workers])


def test_a_clip_that_needs_more_memory_than_the_limit_is_out_of_memory(tmp_path):
    path = tmp_path / "huge.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=8000, height=8000, pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame(8000, 8000, "yuv420p")))
        container.mux(stream.encode())
    [(_, verdict)] = decode_clips([task(path)], settings=settings(memory_mib=256))
    assert (verdict.verdict, verdict.file_size) == ("out_of_memory", path.stat().st_size)
    [(_, verdict)] = decode_clips([task(path)], settings=settings(memory_mib=2048))
    assert verdict.verdict == "good"


def test_a_header_that_promises_more_than_any_file_holds_is_the_clip_s_fault_unless_the_limit_decides(tmp_path):
    clip = make_clip(tmp_path / "greedy.mp4")
    data = bytearray(clip.read_bytes())
    n_durations = data.index(b"stts") + 8
    data[n_durations : n_durations + 4] = (0x0FFFFFFF).to_bytes(4, "big")
    clip.write_bytes(data)
    verdicts = {}
    for memory_mib in (4096, 1024):
        [(_, row)] = decode_clips([task(clip)], settings=settings(memory_mib=memory_mib))
        verdicts[memory_mib] = (row.verdict, row.reason)
    assert verdicts == {4096: ("bad", "unreadable_container"), 1024: ("out_of_memory", "")}
