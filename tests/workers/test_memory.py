"""Memory limits of made-up and real control groups, and clips that need more than their worker's share of them."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from video_assets.checking import check as checking
from video_assets.checking.check import ClipTask, decode_clips
from video_assets.core.check_limits import CheckLimits
from video_assets.core.schema import VERDICTS
from video_assets.settings.steps import Decode
from video_assets.workers.memory import memory_limit_bytes

MIB, GIB = 1 << 20, 1 << 30
HOSTILE = "hostile:work"


def made_up(folder, membership, **files):
    """A proc folder with this membership and a tree of control groups with these files ("__" stands for "/")."""
    (folder / "cgroup").write_text(membership)
    for name, text in files.items():
        path = folder / "groups" / name.replace("__", "/").replace("memory_", "memory.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"proc": folder, "cgroups": folder / "groups"}


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"memory_max": "2147483648\n"}, 2 * GIB),
        ("0::/\n", {"memory_max": "max\n"}, None),
        ("0::/pod/app\n", {"pod__memory_max": "1073741824\n", "pod__app__memory_max": "max\n"}, GIB),
        ("5:memory:/kubepods/pod1\n0::/\n", {"memory__memory_limit_in_bytes": "536870912\n"}, GIB // 2),
        ("5:memory:/\n", {"memory__memory_limit_in_bytes": "9223372036854771712\n"}, None),
        ("4:cpu:/app\n", {"cpu__memory_limit_in_bytes": "1\n"}, None),
    ],
)
def test_the_smallest_limit_around_this_process_counts(membership, files, expected, tmp_path):
    assert memory_limit_bytes(**made_up(tmp_path, membership, **files)) == expected


def hungry(folder, name, n_bytes):
    """A "clip" that needs this much memory and is good then."""
    path = folder / name
    answer = dict.fromkeys(set(VERDICTS.names) - {"clip_key", *CheckLimits.__annotations__})
    answer |= {"verdict": "good", "reason": "", "errors": ""}
    path.write_text(json.dumps({"how": "need_memory", "n_bytes": n_bytes, "answer": answer}))
    return ClipTask(clip_key=name, path=str(path), cost=1.0)


def found(tasks, **changes):
    settings = Decode(**{"workers": 4, "timeout_s": 60, "cpu_s": 60, "retry_wait_s": 0.05} | changes)
    results = [(task.clip_key, row) for task, row in decode_clips(tasks, settings=settings, work=HOSTILE)]
    assert len(dict(results)) == len(results)
    return dict(results)


def test_a_clip_that_needs_more_than_its_share_comes_last_with_all_that_the_settings_promise(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "memory_limit_bytes", lambda: 3 * GIB)
    tasks = [hungry(tmp_path, "large.mp4", 1024 * MIB), *(hungry(tmp_path, f"{n}.mp4", MIB) for n in range(5))]
    rows = found(tasks, memory_mib=2048)
    assert {key: row.verdict for key, row in rows.items()} == {task.clip_key: "good" for task in tasks}
    assert list(rows)[-1] == "large.mp4"


def test_what_the_settings_promise_decides_the_verdict_not_the_size_of_the_container(tmp_path, monkeypatch):
    tasks = [hungry(tmp_path, "huge.mp4", 2048 * MIB)]
    verdicts = []
    for limit_bytes in (None, 3 * GIB, 8 * GIB):
        monkeypatch.setattr(checking, "memory_limit_bytes", lambda limit_bytes=limit_bytes: limit_bytes)
        verdicts.append(found(tasks, memory_mib=1024)["huge.mp4"].verdict)
    assert verdicts == ["out_of_memory"] * 3


def test_a_container_that_is_too_small_for_the_promise_gives_no_verdict_and_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "memory_limit_bytes", lambda: 2 * GIB)
    row = found([hungry(tmp_path, "huge.mp4", 2048 * MIB)], memory_mib=4096)["huge.mp4"]
    assert row.verdict == "unreadable_now"
    assert "needs more than 1536 MiB" in row.errors
    assert "decode.memory_mib" in row.errors


IN_GROUP = """
import sys
sys.path.append(sys.argv[1])
from video_assets.checking.check import ClipTask, decode_clips
from video_assets.settings.steps import Decode
tasks = [ClipTask(path, path, 1.0) for path in sys.argv[2:]]
for task, row in decode_clips(tasks, settings=Decode(workers=2, memory_mib=1024), work="hostile:work"):
    print(task.clip_key.rpartition("/")[2], row.verdict, flush=True)
"""


def test_in_a_real_control_group_one_clip_costs_its_worker_and_not_the_group(tmp_path):
    group = real_group()
    try:
        (group / limit_file(group)).write_text(str(GIB + GIB // 2))
        sizes = {"small.mp4": 300 * MIB, "large.mp4": 700 * MIB, "huge.mp4": GIB}
        tasks = [hungry(tmp_path, name, n_bytes) for name, n_bytes in sizes.items()]
        join = f'echo $$ > {group}/cgroup.procs && exec "$0" "$@"'
        command = [sys.executable, "-c", IN_GROUP, str(Path(__file__).parents[1] / "fakes"), *(task.path for task in tasks)]
        done = subprocess.run(["sh", "-c", join, *command], capture_output=True, text=True, check=False, timeout=120)
        if "echo" in done.stderr:
            pytest.skip(f"processes cannot join the control group: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        assert dict(line.split() for line in done.stdout.splitlines()) == {
            "small.mp4": "good",
            "large.mp4": "good",
            "huge.mp4": "out_of_memory",
        }
    finally:
        group.rmdir()


def real_group():
    roots = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
    root = next((path for path in roots if (path / "cgroup.procs").exists()), None)
    if root is None:
        pytest.skip("no control groups")
    group = root / f"video-assets-test-{secrets.token_hex(4)}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"cannot make a control group: {error}")
    if not os.access(group / limit_file(group), os.W_OK):
        group.rmdir()
        pytest.skip("the memory controller is not available to new groups")
    return group


def limit_file(group):
    return "memory.limit_in_bytes" if (group / "memory.limit_in_bytes").exists() else "memory.max"
