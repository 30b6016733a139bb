"""The broken-clip kit: what is in it, that it is the same each time, and that our checker says what it expects."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from once_per_run import once_per_run

from video_assets.checking.check import ClipTask, decode_clips
from video_assets.core.results import ClipVerdict
from video_assets.core.verdicts import REASONS, VERDICTS
from video_assets.samples.broken.kit import MANIFEST, content_hash, expectation, kit_clips, make_broken_kit, measured_clips
from video_assets.settings.steps import Decode

MAKE = (
    "import sys, pathlib; from video_assets.samples.broken.kit import MANIFEST, make_broken_kit; "
    "folder = pathlib.Path(sys.argv[1]); assert make_broken_kit(folder) == folder / MANIFEST"
)
N_BEFORE_KILL = 150
HALF = "h264-aac.whole.mp4"
Manifest = dict[str, dict[str, str]]


@pytest.fixture(scope="session")
def made_twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit as a process that is killed and then the command make it; and what the first one left. The same for all workers."""
    return once_per_run(tmp_path_factory, "broken-kit", make_twice)


@pytest.fixture(scope="session")
def kit(made_twice: Path) -> Path:
    """The kit's folder."""
    return made_twice / "kit"


def make_twice(base: Path) -> None:
    folder = base / "kit"
    base.mkdir()
    making = subprocess.Popen([sys.executable, "-c", MAKE, str(folder)])
    deadline = time.monotonic() + 300
    while not folder.exists() or len(list(folder.iterdir())) < N_BEFORE_KILL:
        assert making.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    making.send_signal(signal.SIGKILL)
    making.wait()
    (base / "left.json").write_text(json.dumps(hashes(folder)))
    (folder / HALF).write_bytes(b"half")
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    line = [sys.executable, "-m", "video_assets.cli.app", "sample", str(folder), "--broken"]
    done = subprocess.run(line, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    assert Path(done.stdout.strip()) == folder / MANIFEST, "others are told where they find what is in it"


@pytest.fixture(scope="session")
def manifest(kit: Path) -> Manifest:
    """The manifest's rows by file."""
    with (kit / MANIFEST).open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="session")
def verdicts(kit: Path, manifest: Manifest) -> dict[str, ClipVerdict]:
    """What our checker says."""
    tasks = [ClipTask(name, str(kit / name), 1.0) for name in manifest]
    return {task.clip_key: row for task, row in decode_clips(tasks, settings=Decode(workers=2))}


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_kit_has_at_least_400_small_clips_all_listed(kit, manifest):
    files = {path.name: path.stat().st_size for path in kit.iterdir()}
    assert len(manifest) >= 400
    assert set(files) == set(manifest) | {MANIFEST, "BROKEN-CLIP-KIT"}
    assert sum(files.values()) < 60 * 2**20
    assert max(files.values()) < 2**20


def test_every_codec_container_and_kind_of_damage_is_there(manifest):
    whole = {name for name, row in manifest.items() if row["damage"] == "whole"}
    assert {name.split("-")[0] for name in whole} == {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4"}
    assert {name.split(".")[0].split("-")[1] for name in whole} >= {"aac", "mp3", "opus", "silent"}
    assert {name.rsplit(".", 1)[1] for name in whole} == {"mp4", "mov", "mkv", "webm", "avi"}
    damages = {row["damage"] for row in manifest.values()}
    kinds = (
        "truncated-", "flipped-header", "flipped-index", "flipped-video", "flipped-audio", "deleted-", "inserted-", "zeroed-",
        "key-frame-missing", "key-frame-doubled", "edit-list-", "time-scale-", "time-jumps-ahead", "time-jumps-back", "size-",
        "wrong-ending", "encrypted", "joined", "playlist-hls", "playlist-concat", "playlist-sdp", "playlist-dash", "text-page",
        "empty", "sound-only", "cover-only", "subtitles-only", "media-elsewhere-",
        "size-changes", "pixel-format-changes", "start-missing", "rate-1000", "one-picture", "black", "open-gop-cut",
        "reference-missing-", "last-sound-cut", "interlaced", "starts-late", "frames-dropped", "variable-rate",
    )  # fmt: skip
    assert [kind for kind in kinds if not any(damage.startswith(kind) for damage in damages)] == []


def test_expectations_use_the_vocabulary(manifest):
    assert {row["expected_verdict"] for row in manifest.values()} <= {"good", "bad", "either", "unknown"}
    assert {row["expected_reason"] for row in manifest.values()} <= {"", *REASONS}
    assert all(row["expected_verdict"] == "bad" for row in manifest.values() if row["expected_reason"])


def test_the_measured_bytes_are_still_what_the_encoders_make(kit, manifest):
    clips = {name: (kit / name).read_bytes() for name in manifest if name.startswith("h264-silent.whole")}
    assert clips
    measured = measured_clips()
    changed = [name for name, data in clips.items() if measured[name].content != content_hash(data)]
    assert changed == [], "another FFmpeg encodes: measure the kit again with benchmarks/kit_expected.py"
    unknown = sum(row["expected_verdict"] == "unknown" for row in manifest.values())
    if unknown:
        pytest.skip(
            f"this processor's encoders make other bytes for {unknown} of {len(manifest)} clips: nothing is claimed about those"
        )


def test_our_checker_gives_the_expected_verdict_on_every_certain_clip(manifest, verdicts):
    assert set(verdicts) == set(manifest)
    wrong = {
        name: (row["expected_verdict"], verdicts[name].verdict, verdicts[name].reason, verdicts[name].errors)
        for name, row in manifest.items()
        if row["expected_verdict"] in {"good", "bad"}
        and (row["expected_verdict"] == "good") != (verdicts[name].verdict == "good")
    }
    assert wrong == {}


def test_our_checker_gives_the_expected_reason_where_one_is_certain(manifest, verdicts):
    wrong = {
        name: (row["expected_reason"], verdicts[name].reason, verdicts[name].errors)
        for name, row in manifest.items()
        if row["expected_reason"] and verdicts[name].reason != row["expected_reason"]
    }
    assert wrong == {}
    assert {row.verdict for row in verdicts.values()} <= set(VERDICTS) - {"unreadable_now"}


def test_whole_clips_of_every_combination_are_good_and_have_their_20_frames(manifest, verdicts):
    counts = {
        name: (verdicts[name].verdict, verdicts[name].num_frames) for name, row in manifest.items() if row["damage"] == "whole"
    }
    assert len(counts) >= 80
    assert {name: count for name, count in counts.items() if count != ("good", 20)} == {}


COLUMNS = {
    "rate-1000": {"fps": 25.0},
    "rate-240": {"fps": 25.0},
    "rate-5": {"fps": 25.0},
    "one-picture": {"is_static": True, "is_black": False},
    "black": {"is_static": True, "is_black": True},
    "interlaced": {"is_interlaced": True, "is_static": False},
    "variable-rate": {"is_variable_rate": True},
    "rotated": {"rotation_deg": 90},
    "10-bit": {"pix_fmt": "yuv420p10le"},
    "444": {"pix_fmt": "yuv444p"},
}


@pytest.mark.parametrize("damage", COLUMNS)
def test_columns_say_what_is_unusual_about_good_clips(damage, manifest, verdicts):
    rows = {name: verdicts[name].as_record for name, row in manifest.items() if row["damage"] == damage}
    assert rows
    assert {name: {key: row[key] for key in COLUMNS[damage]} for name, row in rows.items()} == dict.fromkeys(
        rows, COLUMNS[damage]
    )


def test_what_trainers_choke_on_is_bad_for_a_reason_of_its_own_and_late_starts_are_not(manifest, verdicts):
    reasons = {name: verdicts[name].reason for name, row in manifest.items() if row["damage"].startswith(("size-ch", "pixel-f"))}
    assert len(reasons) == 7
    assert set(reasons.values()) == {"changing_size"}
    late = [verdicts[name] for name, row in manifest.items() if row["damage"] in {"starts-late", "frames-dropped"}]
    assert [(row.verdict, row.num_frames) for row in late] == [("good", 20)] * 4


def test_clips_with_other_bytes_than_the_measured_ones_are_unknown_unless_the_damage_decides():
    expected = {
        "h264-aac.flipped-video-40-d.mp4": ("unknown", ""),
        "h264-aac.truncated-at-60-percent.mp4": ("bad", "truncated"),
        "h264-aac.whole.mp4": ("good", ""),
    }
    outcome = {}
    for clip in kit_clips(seed=1):
        if clip.file in expected:
            outcome[clip.file] = expectation(clip)
        if len(outcome) == len(expected):  # the other bases come after it
            break
    assert outcome == expected


def test_a_killed_making_has_no_manifest_and_the_next_one_by_another_process_makes_the_same_clips(made_twice, kit, manifest):
    left, whole = json.loads((made_twice / "left.json").read_text()), hashes(kit)
    assert len(left) >= N_BEFORE_KILL
    assert MANIFEST not in left
    clips = {name: digest for name, digest in left.items() if name in manifest}
    assert HALF in clips
    assert len(clips) >= N_BEFORE_KILL - 2  # the mark and a draft
    assert {name: whole[name] for name in clips} == clips
    assert not any(name.startswith(".draft-") for name in whole)


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "holiday.mp4").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"not empty and not a broken-clip kit; give the kit a folder of its own"):
        make_broken_kit(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.mp4"]
