"""The worker pool against functions that misbehave for real: every death costs one task, nothing stays behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from processes import is_dead, survivors

from video_assets.workers.pool import Limits, Task, WorkerError, WorkerPool

MIB = 1 << 20
TESTS = Path(__file__).parents[1] / "fakes"


def limits(**changes):
    return Limits(**{"timeout_s": 30.0, "cpu_s": 30.0, "memory_bytes": 1024 * MIB} | changes)


def pool(n_workers=1, **changes):
    return WorkerPool("hostile:behave", n_workers=n_workers, limits=limits(**changes))


def among_healthy(how, *, n_workers=2, n_healthy=6, **kwargs):
    """Outcome of one bad task in the middle of healthy ones, which must all be done."""
    tasks = [Task(f"healthy{number}", {"number": number}) for number in range(n_healthy)]
    tasks.insert(n_healthy // 2, Task("bad", {"how": how, **kwargs.pop("arguments", {})}))
    with pool(n_workers, **kwargs) as workers:
        outcomes = {outcome.id: outcome for outcome in workers.run(tasks)}
    assert len(outcomes) == len(tasks)
    bad = outcomes.pop("bad")
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    assert sorted(outcome.result["number"] for outcome in outcomes.values()) == list(range(n_healthy))
    assert not left_behind()
    return bad


def left_behind():
    """Processes of any pool of this test that are still there (they may need a moment to die)."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = [process for process in psutil.process_iter() if is_ours(process)]
        if not found:
            return []
        time.sleep(0.02)
    return found


def is_ours(process):
    try:
        marker = process.environ().get("TZ", "")
        return marker == os.environ["TZ"] and "VIDEO_ASSETS_WORKER" in process.environ()
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


@pytest.fixture(autouse=True)
def _marked_workers(monkeypatch):
    """Workers inherit TZ: a value of its own tells the workers of this test from those of a test beside it."""
    monkeypatch.setenv("TZ", f"UTC+0:0:{os.getpid() % 60}")


@pytest.mark.parametrize(
    ("how", "status", "detail"),
    [
        ("segfault", "crashed", "killed by SIGSEGV"),
        ("abort", "crashed", "killed by SIGABRT: Assertion size > 0 failed at somewhere.c:12"),
        ("leave", "crashed", "ended with exit code 7"),
        ("leave_politely", "crashed", "ended with exit code 1: good bye"),
        ("raise_error", "crashed", "ended with exit code 1: not what it seems"),
        ("kill_itself", "out_of_memory", "killed by SIGKILL: by the kernel when memory ran out, or by hand"),
        ("allocate_64_gb", "out_of_memory", "no more memory within the limit"),
        ("fail_with_enomem", "out_of_memory", "no more memory within the limit: [Errno 12] Cannot allocate memory"),
        ("kill_with_odd_signal", "crashed", "killed by signal 40"),
        ("write_much", "crashed", "ended with exit code 1: OSError: [Errno 27] File too large"),
        ("answer_endlessly", "crashed", "answered more than 4194304 bytes"),
        ("answer_half", "crashed", "ended with exit code 3"),
    ],
)
def test_a_death_is_named_and_costs_only_the_task_that_caused_it(how, status, detail):
    bad = among_healthy(how)
    assert (bad.status, bad.result, bad.detail) == (status, None, detail)


def test_memory_taken_piece_by_piece_ends_at_the_limit():
    assert among_healthy("allocate_step_by_step", memory_bytes=256 * MIB).status == "out_of_memory"


def test_an_endless_loop_ends_at_the_cpu_limit_long_before_the_wall_limit():
    bad = among_healthy("spin", cpu_s=1.0)
    assert (bad.status, bad.detail, bad.is_load_dependent) == ("timeout", "more than 1 CPU seconds", False)


def test_the_cpu_limit_is_per_task_not_per_worker():
    with pool(cpu_s=1.0) as workers:
        outcomes = list(workers.run(Task(str(number), {"how": "burn", "cpu_s": 0.6}) for number in range(4)))
    assert [outcome.status for outcome in outcomes] == ["done"] * 4
    assert len({outcome.result["pid"] for outcome in outcomes}) == 1


@pytest.mark.parametrize("how", ["sleep", "stop", "close_channel"])
def test_a_worker_that_does_not_answer_ends_at_the_wall_limit(how):
    bad = among_healthy(how, timeout_s=0.5)
    assert (bad.status, bad.detail, bad.is_load_dependent) == ("timeout", "no answer within 0.5 seconds", True)


def test_a_task_may_have_a_wall_limit_of_its_own():
    with pool() as workers:
        workers.submit(Task("short", {"how": "sleep"}, timeout_s=0.2))
        while not (outcomes := workers.wait()):
            pass
    assert outcomes[0].detail == "no answer within 0.2 seconds"


def test_a_child_that_stays_costs_its_task_and_is_killed():
    bad = among_healthy("fork_and_stay")
    assert (bad.status, bad.detail) == ("crashed", "left a process running")


@pytest.mark.parametrize(
    ("how", "detail"), [("fork_and_flee", "left a process running"), ("fork_and_die", "ended with exit code 9")]
)
def test_a_child_that_flees_into_a_session_of_its_own_is_killed(how, detail, tmp_path):
    pid_file = tmp_path / "pid"
    bad = among_healthy(how, arguments={"pid_file": str(pid_file)})
    assert (bad.status, bad.detail) == ("crashed", detail)
    assert is_dead(int(pid_file.read_text()))


def test_a_forked_copy_that_returns_answers_for_nobody():
    tasks = [Task(str(number), {"how": "fork_and_return"}) for number in range(10)]
    with pool(2) as workers:
        outcomes = list(workers.run(tasks))
    assert sorted(outcome.id for outcome in outcomes) == sorted(task.id for task in tasks)
    assert not left_behind()


def test_a_command_that_the_task_waits_for_is_no_offence():
    assert among_healthy("run_a_command").result == {"exit_code": 0}


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[]",
        "{}",
        "{}\n{}\n{}",
        "[" * 100_000,
        '{"id": "bad", "status": "done"}',
        '{"id": "healthy0", "status": "done", "result": {}}',
    ],
)
def test_a_forged_answer_costs_the_task_of_the_forger(text):
    bad = among_healthy("answer_nonsense", arguments={"text": text})
    assert bad.status == "crashed"
    assert bad.detail.startswith("answered ")


def test_what_a_task_prints_reaches_neither_terminal_nor_results(capfd):
    assert among_healthy("print_much").result == {"stdin": ""}
    assert capfd.readouterr() == ("", "")


def test_workers_know_nothing_that_decoding_does_not_need(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)  # measuring coverage brings modules of its own
    found = among_healthy("describe").result
    assert found["descriptors"] == ["pipe", "socket"]
    assert "AWS_SECRET_ACCESS_KEY" not in found["environment"]
    assert found["environment"]["OPENBLAS_NUM_THREADS"] == "1"
    assert found["cwd"] == "/"
    assert found["core_bytes"] == [0, 0]
    assert found["session"] == found["pid"]
    own_score = int(Path("/proc/self/oom_score_adj").read_text())
    assert found["oom_score_adj"] == min(1000, max(500, own_score + 100))
    assert not {"av", "dagster", "numpy", "pandas", "pytest", "asyncio", "multiprocessing"} & set(found["modules"])


def test_in_a_container_whose_score_is_high_the_kernel_takes_a_worker_first():
    # Burstable pods start with a score of up to 999, and nobody without rights gets below the one that he was given.
    code = f"""
import sys
sys.path.append({str(TESTS)!r})
open("/proc/self/oom_score_adj", "w").write("850")
from video_assets.workers.pool import Limits, Task, WorkerPool
with WorkerPool("hostile:behave", n_workers=1, limits=Limits(timeout_s=30, cpu_s=30, memory_bytes=1 << 30)) as workers:
    print(next(workers.run([Task("0", {{"how": "describe"}})])).result["oom_score_adj"])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "950\n"


def test_names_that_are_not_utf8_and_large_arguments_survive_the_way():
    name = os.fsdecode(b"/clips/\xff\xfe\n.mp4")
    with pool() as workers:
        [outcome] = workers.run([Task("odd", {"path": name, "filler": "x" * 3 * MIB, "number": float("inf")})])
    assert (outcome.result["path"], len(outcome.result["filler"]), outcome.result["number"]) == (name, 3 * MIB, float("inf"))


def test_tasks_are_pulled_when_a_worker_is_free_and_not_before():
    pulled = []

    def tasks():
        for number in range(20):
            pulled.append(number)
            yield Task(str(number), {})

    with pool(2) as workers:
        for n_done, _ in enumerate(workers.run(tasks()), start=1):
            assert len(pulled) <= n_done + 2


def test_a_pool_starts_no_more_workers_than_it_has_tasks():
    before = set(psutil.Process().children())  # what other tests of this process have left running
    with pool(8) as workers:
        [outcome] = workers.run([Task("only", {"how": "echo"})])
        assert len(set(psutil.Process().children()) - before) == 1
    assert outcome.status == "done"


def test_a_few_small_tasks_are_done_by_the_first_worker_alone(monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(1)")  # a start takes longer than all of them
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with pool(4) as workers:
        pids = {outcome.result["pid"] for outcome in workers.run(Task(str(n), {"how": "echo"}) for n in range(4))}
    assert len(pids) == 1


def test_all_workers_help_when_the_first_has_worked_as_long_as_its_start_took():
    with pool(3) as workers:
        n_busy = [workers.n_busy for _ in workers.run(Task(str(n), {"how": "sleep", "seconds": 2.0}) for n in range(4))]
    assert n_busy[0] >= 2  # when the first task ends the others have begun, and none waits for the last


def test_submitting_to_busy_workers_is_refused():
    with pool() as workers:
        workers.submit(Task("first", {"how": "sleep"}))
        assert (workers.n_busy, workers.n_free) == (1, 0)
        with pytest.raises(RuntimeError, match="all 1 workers are busy"):
            workers.submit(Task("second", {}))


def test_workers_are_replaced_after_their_number_of_tasks():
    with pool(max_tasks=3) as workers:
        pids = [outcome.result["pid"] for outcome in workers.run(Task(str(n), {"how": "echo"}) for n in range(9))]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3]


def test_workers_that_grow_are_replaced():
    tasks = [Task(str(number), {"how": "grow", "n_bytes": 30 * MIB}) for number in range(6)]
    with pool(max_growth_bytes=50 * MIB) as workers:
        pids = [outcome.result["pid"] for outcome in workers.run(tasks)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3]


def test_a_worker_that_dies_without_a_task_costs_no_task():
    with pool() as workers:
        [first] = workers.run([Task("first", {"how": "echo"})])
        idle = psutil.Process(first.result["pid"])
        idle.kill()
        while idle.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.001)
        [second] = workers.run([Task("second", {"how": "echo"})])
    assert second.status == "done"
    assert second.result["pid"] != first.result["pid"]


def test_sigterm_to_every_process_of_a_job_costs_no_task():
    """As Slurm sends it: the worker's parent decides what ends when."""
    with pool() as workers:
        [first] = workers.run([Task("first", {"how": "echo"})])
        workers.submit(Task("second", {"how": "sleep", "seconds": 0.5}))
        os.kill(first.result["pid"], signal.SIGTERM)
        while not (outcomes := workers.wait()):
            pass
    [second] = outcomes
    assert second.status == "done"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("no_such_module:work", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("hostile:no_such_function", "has no attribute 'no_such_function'"),
    ],
)
def test_workers_that_cannot_start_are_one_clear_error(function, message):
    with (
        pytest.raises(WorkerError, match=r"cannot start, ended with exit code 1:\nTraceback") as caught,
        WorkerPool(function, n_workers=2, limits=limits()) as workers,
    ):
        list(workers.run([Task("a", {}), Task("b", {})]))
    assert message in str(caught.value)
    assert not left_behind()


def test_a_memory_limit_too_small_to_load_ffmpeg_is_one_clear_error():
    with (
        pytest.raises(WorkerError, match="cannot start"),
        WorkerPool("video_assets.checking.task:work", n_workers=1, limits=limits(memory_bytes=64 * MIB)) as workers,
    ):
        list(workers.run([Task("a", {"step": "fingerprint", "path": "/"})]))


def test_an_interpreter_that_does_not_get_ready_in_time_is_one_clear_error(monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with (
        pytest.raises(WorkerError, match=r"did not start within 0\.5 seconds"),
        pool(start_timeout_s=0.5) as workers,
    ):
        list(workers.run([Task("a", {})]))


def test_closing_kills_everything_at_once():
    with pool(3) as workers:
        for how in ("sleep", "spin", "stop"):
            workers.submit(Task(how, {"how": how}))
        started = time.monotonic()
    assert time.monotonic() - started < 60
    assert not left_behind()


def test_a_consumer_that_stops_half_way_leaves_nothing_behind():
    def consume():
        with pool(2) as workers:
            yield from workers.run(Task(str(number), {"how": "sleep", "seconds": 0.05}) for number in range(100))

    outcomes = consume()
    assert next(outcomes).status == "done"
    outcomes.close()
    assert not left_behind()


def test_workers_outlive_the_thread_that_submitted_their_task():
    with pool() as workers:
        thread = threading.Thread(target=workers.submit, args=[Task("slow", {"how": "sleep", "seconds": 0.3})])
        thread.start()
        thread.join()
        while not (outcomes := workers.wait()):
            pass
    assert outcomes[0].status == "done"


PARENT = """
import sys
from video_assets.workers.pool import Limits, Task, WorkerPool
sys.path.append({tests!r})
with WorkerPool("hostile:behave", n_workers=3, limits=Limits(timeout_s=60, cpu_s=60, memory_bytes=1 << 30)) as pool:
    for task in (Task("a", {{"how": "sleep"}}), Task("b", {{"how": "spin"}}), Task("c", {{"how": "fork_and_wait"}})):
        pool.submit(task)
    while True:
        pool.wait(0.05)
        print(sum(worker.is_ready for worker in pool._workers), flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_survives_its_parent(number):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(tests=str(TESTS))], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        while parent.stdout.readline().strip() != "3":
            pass
        deadline, workers = time.monotonic() + 90, []
        while len(workers) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
            workers = [process.pid for process in psutil.Process(parent.pid).children(recursive=True)]
        assert len(workers) == 4
        parent.send_signal(number)
        parent.wait(10)
        assert not survivors(workers)


def test_neither_descriptors_nor_memory_grow_in_the_parent():
    def used():
        return psutil.Process().num_fds(), psutil.Process().memory_info().rss, len(threading.enumerate())

    with pool(2, max_tasks=100) as workers:
        list(workers.run(Task(str(number), {"how": "echo"}) for number in range(400)))
        descriptors, rss_bytes, n_threads = used()
        for outcome in workers.run(Task(str(number), {"how": "leave" if number % 50 == 0 else "echo"}) for number in range(2000)):
            assert outcome.status == ("crashed" if int(outcome.id) % 50 == 0 else "done")
        descriptors_after, rss_bytes_after, n_threads_after = used()
    assert abs(descriptors_after - descriptors) <= 10
    assert n_threads_after == n_threads
    assert rss_bytes_after - rss_bytes < 5 * MIB


def test_the_parent_spends_less_than_a_millisecond_per_task():
    with pool() as workers:
        list(workers.run(Task(str(number), {"how": "echo"}) for number in range(100)))
        started = time.process_time()
        list(workers.run(Task(str(number), {"how": "echo"}) for number in range(1000)))
        assert time.process_time() - started < 1.0


def test_outcomes_are_plain_json():
    assert json.dumps(among_healthy("echo", arguments={"text": "é"}).result)
