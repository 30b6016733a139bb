"""The built-in sample: whole, and every clip gets the verdict that the list promises.

That it is the same after a kill: tests/test_wheel.py.
"""

import csv
import hashlib
from pathlib import Path

import pytest

from video_assets.checking.check import ClipTask, decode_clips
from video_assets.core.results import ClipVerdict
from video_assets.samples.demo.clips import CLIPS, KEPT
from video_assets.samples.demo.make import EXPECTED, SAMPLE_MAX_FILE_SIZE_MIB, Sample, make_sample
from video_assets.settings.steps import Decode


@pytest.fixture(scope="module")
def verdicts(sample: Sample) -> dict[str, ClipVerdict]:
    """What the decode check says about every clip of the sample that is on the disk, without any filter before it."""
    names = [name for name in EXPECTED if (sample.clips / name).is_file()]
    tasks = [ClipTask(name, str(sample.clips / name), 1.0) for name in names]
    return {task.clip_key: row for task, row in decode_clips(tasks, settings=Decode(workers=2))}


def fingerprints(sample: Sample) -> dict[str, tuple[int, ...]]:
    stats = {str(path): path.stat() for path in sample.clips.rglob("*")}
    return {path: (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats.items()}


def files_of(sample: Sample) -> list[Path]:
    return sorted(path for path in sample.clips.rglob("*") if path.is_file())


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(sample: Sample) -> list[dict[str, str]]:
    with sample.captions.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_second_call_touches_nothing(sample):
    before = fingerprints(sample)
    assert make_sample(sample.clips) == sample
    assert fingerprints(sample) == before


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "holiday.mp4").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"not empty and not the sample; give the sample a folder of its own"):
        make_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.mp4"]


def test_the_table_lists_every_clip_with_captions_of_every_kind(sample):
    table = rows(sample)
    assert len(table) == sample.n_listed
    assert {row["path"] for row in table} == set(EXPECTED)
    assert len(table) == len(EXPECTED) + 1, "one path is listed twice"
    captions = [row["text"] for row in table]
    assert "None" in captions
    assert "" in captions
    assert any(text and not text.strip() for text in captions)
    assert any('"' in text and "," in text for text in captions)
    assert any("\n" in text for text in captions)
    assert any(not text.isascii() for text in captions)


def test_every_file_is_listed_or_the_table_and_no_file_looks_as_if_it_were_still_written(sample):
    files = {path.relative_to(sample.clips).as_posix(): path for path in files_of(sample)}
    assert set(files) - set(EXPECTED) == {"captions.csv"}
    assert {path.stat().st_mtime for path in files.values()} == {1_767_225_600.0}


def test_exactly_one_clip_is_larger_than_the_limit_and_the_whole_is_small(sample):
    sizes = {path.name: path.stat().st_size for path in files_of(sample)}
    assert [name for name, size in sizes.items() if size > SAMPLE_MAX_FILE_SIZE_MIB * 2**20] == ["untuned-television.mp4"]
    assert sum(sizes.values()) < 8 * 2**20
    assert max(size for name, size in sizes.items() if name != "untuned-television.mp4") < 0.5 * 2**20


def test_clips_dropped_by_the_decode_check_get_the_promised_reason_and_all_others_decode(verdicts):
    got = {name: row.reason or row.verdict for name, row in verdicts.items()}
    promised = {
        name: EXPECTED[name].removeprefix("decode_check: ") if "decode_check" in EXPECTED[name] else "good" for name in verdicts
    }
    assert got == promised


def test_whole_clips_decode_to_exactly_the_frames_that_were_painted(verdicts):
    painted = {clip.name: round(clip.seconds * clip.rate) - clip.cut_frames for clip in CLIPS}
    assert {name: verdicts[name].num_frames for name in painted} == painted
    assert {name: (verdicts[name].width, verdicts[name].height) for name in painted} == {
        clip.name: (clip.width, clip.height) for clip in CLIPS
    }


def test_the_special_clips_are_what_they_are_called(verdicts):
    assert verdicts["trimmed-road.mp4"].header_frames == 90
    assert verdicts["trimmed-road.mp4"].num_frames == 50
    assert [name for name, row in verdicts.items() if row.verdict == "good" and row.is_variable_rate] == [
        "road-variable-rate.mp4"
    ]
    assert [name for name, row in verdicts.items() if row.rotation_deg] == ["portrait/phone-turned.mp4"]
    assert verdicts["copy-of-ball.mp4"].content_hash == verdicts["bouncing-ball.mp4"].content_hash
    assert {row.video_codec for row in verdicts.values() if row.verdict == "good"} >= {"h264", "hevc", "vp9", "mpeg4"}
    assert "broken/lost.mp4" not in verdicts
    assert sum(outcome == KEPT for outcome in EXPECTED.values()) >= 20
