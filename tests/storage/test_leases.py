"""Leases between real processes that are killed, stopped and raced."""

import itertools
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import asdict, replace

import pytest
from lease_programs import start
from processes import is_dead

from video_assets.storage.lease_files import claim_path, find_claim, make_claim
from video_assets.storage.leases import LeaseHeldError, LeaseLostError, acquire, hold, holder_of

STALE_S = 1.5


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "leases" / "00000-of-00024"


@pytest.fixture
def programs():
    """Starts programs and ends all of them."""
    started = []

    def run(*arguments):
        started.append(start(*arguments))
        return started[-1]

    yield run
    for program in started:
        program.kill()
        for pipe in (program.stdin, program.stdout):
            pipe.close()
        program.wait()


def holder(programs, folder, stale_after_s=STALE_S):
    program = programs("hold", folder, stale_after_s)
    assert program.stdout.readline() == "held\n"
    return program


def ask(program):
    program.stdin.write("still?\n")
    program.stdin.flush()
    return program.stdout.readline().strip()


def pretend_another_machine(folder):
    """Let the claim's holder be a process of a machine that nobody here can look into."""
    claim = find_claim(folder)
    elsewhere = replace(claim.holder, host="node-7", boot_id="another")
    claim_path(folder, claim.number).write_text(json.dumps(asdict(elsewhere)))


def test_a_lease_that_a_living_run_holds_is_refused_and_the_message_says_who_and_what_to_do(programs, folder):
    other = holder(programs, folder)
    with pytest.raises(LeaseHeldError) as refused:
        acquire(folder, stale_after_s=STALE_S)
    for part in ("00000-of-00024", f"run abc, process {other.pid} on ", " since 20", "cancel", "taken over"):
        assert part in str(refused.value)
    assert holder_of(folder).startswith("run abc, process")


def test_a_lease_may_be_refused_without_any_waiting(programs, folder):
    holder(programs, folder, 600)
    with pytest.raises(LeaseHeldError):
        acquire(folder, stale_after_s=600, patience_s=None)


def test_a_lease_that_was_given_back_is_taken_at_once(folder):
    for _ in range(3):
        with hold(folder, stale_after_s=600) as lease:
            lease.ensure()
        assert holder_of(folder) == ""
    assert len(list(folder.iterdir())) == 1, "claims of the past are removed"


def test_patience_waits_for_a_living_holder(programs, folder):
    other = holder(programs, folder, 3)
    other.stdin.close()
    with hold(folder, stale_after_s=3, patience_s=240):
        assert is_dead(other.pid) or other.wait(60) == 0


def test_the_lease_of_a_process_of_this_machine_that_was_killed_is_taken_over_at_once(programs, folder):
    other = holder(programs, folder, 600)
    other.kill()
    other.wait()
    with hold(folder, stale_after_s=600) as lease:
        lease.ensure()


def interrupted_at(step, claim):
    """SIGINT before the given instruction of `make_claim`; whether there was one."""
    seen = itertools.count()

    def watch(frame, event, _argument):
        frame.f_trace_opcodes = True
        if event == "opcode" and next(seen) == step:
            signal.raise_signal(signal.SIGINT)
        return watch

    sys.settrace(lambda frame, *_: watch(frame, "", None) if frame.f_code is make_claim.__code__ else None)
    try:
        claim()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    assert next(seen) <= step, "it was interrupted, and nobody was told"
    return False


def test_a_claim_that_is_interrupted_anywhere_says_whose_it_is_or_is_none(tmp_path):
    for step in itertools.count():
        folder = tmp_path / str(step)
        is_interrupted = interrupted_at(step, lambda folder=folder: make_claim(folder, after=None, run_id="abc"))
        claim = find_claim(folder)
        assert claim is None or claim.holder.pid == os.getpid(), f"step {step}"
        if not is_interrupted:
            break
    assert step > 50
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_lease_of_another_machine_is_taken_over_when_it_is_silent_for_long_enough_and_not_before(programs, folder):
    other = holder(programs, folder)
    other.kill()
    other.wait()
    pretend_another_machine(folder)
    last_sign = find_claim(folder).mtime_ns
    with hold(folder, stale_after_s=STALE_S):
        assert find_claim(folder).mtime_ns - last_sign > STALE_S * 1e9


def test_a_last_sign_of_life_in_the_future_does_not_hold_a_lease_for_ever(programs, folder):
    other = holder(programs, folder)
    other.kill()
    other.wait()
    pretend_another_machine(folder)
    tomorrow = time.time() + 86_400  # the storage's clock was set back after that sign
    os.utime(claim_path(folder, find_claim(folder).number), (tomorrow, tomorrow))
    with hold(folder, stale_after_s=STALE_S) as lease:
        lease.ensure()


def test_a_holder_that_was_stopped_for_too_long_loses_the_lease_and_notices_before_it_writes(programs, folder):
    other = holder(programs, folder)
    os.kill(other.pid, signal.SIGSTOP)
    with hold(folder, stale_after_s=STALE_S) as lease:
        os.kill(other.pid, signal.SIGCONT)
        assert "another run took over" in ask(other)
        other.stdin.close()
        assert other.wait(60) == 0
        lease.ensure()  # what the loser gave back was not ours
    assert holder_of(folder) == ""


def test_a_holder_that_was_stopped_goes_on_when_nobody_took_over(programs, folder):
    other = holder(programs, folder, 0.3)
    os.kill(other.pid, signal.SIGSTOP)
    time.sleep(0.6)
    os.kill(other.pid, signal.SIGCONT)
    assert ask(other) == "held"


def test_a_lease_whose_folder_is_gone_is_lost(folder):
    lease = acquire(folder, stale_after_s=0.3)
    shutil.rmtree(folder)
    with pytest.raises(LeaseLostError, match="00000-of-00024"):
        lease.ensure()
    assert lease.is_lost
    lease.release()
    with hold(folder, stale_after_s=STALE_S):
        pass


def test_signs_of_life_go_on_while_the_holder_does_nothing(folder):
    with hold(folder, stale_after_s=0.6) as lease:
        before = find_claim(folder).mtime_ns
        deadline = time.monotonic() + 60
        while find_claim(folder).mtime_ns == before:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert not lease.is_lost


def test_racers_are_never_two_at_once_whoever_of_them_is_killed(programs, folder, tmp_path):
    deaths = [0, 0, 1, 1]
    racers = [programs("take_turns", folder, 60, tmp_path / "inside", 150, n_deaths) for n_deaths in deaths]
    assert sorted(racer.wait(240) for racer in racers) == [-signal.SIGKILL, -signal.SIGKILL, 0, 0]


@pytest.mark.parametrize("_round", range(2))
def test_of_many_takers_of_a_stale_lease_one_gets_it(programs, folder, _round):
    dead = holder(programs, folder, 30)
    dead.kill()
    dead.wait()
    takers = [programs("try_once", folder, 3, time.time() + 1.5) for _ in range(3)]
    assert sorted(taker.stdout.readline() for taker in takers) == ["held\n", "refused\n", "refused\n"]
