"""Random mutants of the kit's clips through real workers: no dead pool, only known words, the same answer again.

Longer by hand: FUZZ_CLIPS=5000 FUZZ_SEED=7 pytest tests/checking/test_fuzz.py
"""

import os
import random

import pytest

from video_assets.checking.check import ClipTask, decode_clips, probe_clips
from video_assets.core.results import ClipVerdict
from video_assets.core.verdicts import REASONS, VERDICTS
from video_assets.samples.broken.bases import damage_bases, encode_base
from video_assets.settings.steps import Decode

N_CLIPS = int(os.environ.get("FUZZ_CLIPS", "1200"))
AGAIN = 3  # every third is asked about twice
SEED = int(os.environ.get("FUZZ_SEED", "0"))
SETTINGS = {"timeout_s": 30.0, "cpu_s": 20.0, "memory_mib": 2048}
ANSWER = ("verdict", "reason", "errors", "num_frames", "height", "width", "fps", "content_hash")

pytestmark = [pytest.mark.slow(6), pytest.mark.timeout(120 + N_CLIPS)]


def mutant(whole: bytes, other: bytes, dice: random.Random) -> bytes:
    """One to four random changes: bytes set, blocks moved, cut, doubled, zeroed, or taken from another clip."""
    data = bytearray(whole)
    for _ in range(dice.randint(1, 4)):
        start = dice.choice((dice.randrange(len(data)), dice.randrange(min(1_500, len(data)))))
        size = dice.choice((1, 2, 4, 8, 64, 700))
        match dice.randrange(7):
            case 0 | 1:
                data[start] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
            case 2:
                data[start : start + 4] = dice.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"))
            case 3:
                del data[start : start + size]
            case 4:
                data[start:start] = data[start : start + size]
            case 5:
                data[start : start + size] = bytes(size)
            case _:
                at = dice.randrange(len(other))
                data[start : start + size] = other[at : at + size]
        if len(data) < 2:
            return bytes(data)
    return bytes(data)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[ClipTask]:
    """The mutants, on the disk."""
    folder = tmp_path_factory.mktemp("fuzz")
    bases = damage_bases()
    made = []
    for number in range(N_CLIPS):
        base = bases[number % len(bases)]
        dice = random.Random(f"{SEED}/{number}")
        name = f"{number:06d}-{base.name}.{base.suffix}"
        path = folder / name
        path.write_bytes(mutant(encode_base(base), encode_base(dice.choice(bases)), dice))
        made.append(ClipTask(name, str(path), 1.0))
    return made


def answers(tasks: list[ClipTask], *, workers: int) -> dict[str, ClipVerdict]:
    return {task.clip_key: row for task, row in decode_clips(tasks, settings=Decode(workers=workers, **SETTINGS))}


def test_every_mutant_gets_a_verdict_of_the_vocabulary_and_the_same_one_again(tasks):
    first = answers(tasks, workers=2)
    again = answers(tasks[::-AGAIN], workers=3)
    assert set(first) == {task.clip_key for task in tasks}
    assert set(again) == {task.clip_key for task in tasks[::-AGAIN]}
    assert {row.verdict for row in first.values()} <= set(VERDICTS) - {"unreadable_now"}
    assert {row.reason for row in first.values()} <= {"", *REASONS}
    assert all(row.reason for row in first.values() if row.verdict == "bad")
    differing = {
        name: [
            (column, getattr(first[name], column), getattr(row, column))
            for column in ANSWER
            if getattr(row, column) != getattr(first[name], column)
        ]
        for name, row in again.items()
    }
    assert {name: difference for name, difference in differing.items() if difference} == {}


def test_every_mutant_can_be_probed_and_the_probe_agrees_with_itself(tasks):
    first = {task.clip_key: row for task, row in probe_clips(tasks, settings=Decode(workers=2, **SETTINGS))}
    again = {task.clip_key: row for task, row in probe_clips(tasks[::-AGAIN], settings=Decode(workers=3, **SETTINGS))}
    assert set(first) == {task.clip_key for task in tasks}
    assert {row.probe_status for row in first.values()} <= {"ok", "timeout", "crashed", "out_of_memory", *REASONS}
    assert again == {task.clip_key: first[task.clip_key] for task in tasks[::-AGAIN]}
