"""Which results of an earlier version of the rules are taken over."""

import pytest

from video_assets.core.matching import PROBES
from video_assets.core.older_rules import standing_probes, standing_verdicts
from video_assets.core.schema import VERDICTS
from video_assets.core.verdicts import CHECKER_VERSION, PROBER_VERSION, REASONS


def row(clip="a/b.mp4", **fields):
    """A good MP4 of version 2, with changes."""
    return {
        "clip_key": clip, "file_size": 1, "mtime_ns": 1, "verdict": "good", "reason": "", "errors": "", "num_frames": 50,
        "fps": 25.0, "duration_s": 2.0, "header_frames": 50, "checker_version": "2", "ffmpeg_versions": "x", **fields,
    }  # fmt: skip


def stands(**fields):
    return len(standing_verdicts(VERDICTS.frame([row(**fields)]))) == 1


BAD = {"verdict": "bad", "reason": "corrupt_video", "errors": "[h264] error while decoding MB 3 4, bytestream -5"}


@pytest.mark.parametrize("name", ["x.mp4", "X.MOV", "archive/x.m4v", "a.b.3gp"])
def test_bad_mp4_clips_are_taken_over_and_good_ones_are_not(name):
    assert stands(clip=name, **BAD)
    assert stands(clip=name, duration_s=2.9, **BAD)
    assert not stands(clip=name)  # their pictures may change their size, or their start may be missing


@pytest.mark.parametrize(
    ("errors", "holds"),
    [
        ("[h264] mmco: unref short failure", False),
        ("[h264] mmco: unref short failure\n    Last message repeated 3 times\n[h264] co located POCs unavailable", False),
        ("[h264] mmco: unref short failure\n[h264] error while decoding MB 3 4, bytestream -5", True),
        ("", True),
    ],
)
def test_complaints_about_reference_frames_alone_are_checked_again_since_they_have_a_name_now(errors, holds):
    assert stands(verdict="bad", reason="corrupt_video", errors=errors) == holds


@pytest.mark.parametrize(
    "change",
    [
        {"clip": "x.mkv"},
        {"clip": "x.webm"},
        {"clip": "x.avi"},
        {"clip": "mp4"},
        {"header_frames": None},
        {"duration_s": 6.0},
        {"duration_s": None},
        {"fps": None},
        {"checker_version": "1"},
        {"checker_version": ""},
        {"verdict": "crashed"},
        {"verdict": "timeout"},
        {"verdict": "out_of_memory"},
    ],
)
def test_what_may_come_out_otherwise_is_checked_again(change):
    assert not stands(**(BAD | change))


def test_every_reason_is_taken_over_or_not():
    of_mp4 = {reason for reason in REASONS if stands(verdict="bad", reason=reason)}
    assert set(REASONS) - of_mp4 >= {"fewer_frames", "no_frames", "no_video", "too_long"}
    assert {"corrupt_video", "truncated", "timestamps", "encrypted"} <= of_mp4
    assert "corrupt_audio" not in of_mp4  # the last packet of sound has a reason of its own since
    unopened = {"num_frames": None, "fps": None, "duration_s": None, "header_frames": None, "verdict": "bad"}
    of_others = {reason for reason in REASONS if stands(clip="x.mkv", reason=reason, **unopened)}
    assert of_others == {"empty_file", "not_media", "not_a_file", "playlist_or_reference", "unreadable_container"}


def test_of_version_3_all_stand_but_complaints_about_sound_since_the_last_packet_has_a_name_now():
    three = {"checker_version": "3", "clip": "x.mkv"}
    assert stands(**three)
    assert stands(**three, verdict="timeout")
    assert {reason for reason in REASONS if not stands(**three, verdict="bad", reason=reason)} == {"corrupt_audio"}


def test_a_setting_that_needs_a_column_checks_only_those_again_that_lack_it():
    def needs(**fields):
        return not len(standing_verdicts(VERDICTS.frame([row(**fields)]), needed=["is_black", "missing_s"]))

    three = {"checker_version": "3", "missing_s": 0.0}
    assert needs(**three)
    assert needs(checker_version="3", is_black=False)
    assert not needs(**three, is_black=False)
    assert not needs(**three, verdict="bad", reason="no_frames", num_frames=0)
    assert not needs(**three, verdict="bad", reason="unreadable_container", num_frames=None)
    assert not needs(checker_version=CHECKER_VERSION)  # looked for, and not to be had


def test_verdicts_by_the_rules_of_now_all_stand():
    assert stands(clip="x.mkv", verdict="crashed", checker_version=CHECKER_VERSION)
    assert len(standing_verdicts(VERDICTS.frame())) == 0


def test_probes_are_taken_over_alike():
    rows = [
        {**row(clip), "probe_status": status, "probe_detail": ""}
        for clip, status in [("x.mp4", "ok"), ("x.mkv", "ok"), ("y.mp4", "no_frames"), ("y.mkv", "empty_file")]
    ]
    probes = PROBES.frame(rows)
    assert list(standing_probes(probes, "1")["clip_key"]) == ["x.mp4", "y.mkv"]
    assert len(standing_probes(probes, PROBER_VERSION)) == 4
    assert len(standing_probes(probes, "0")) == 0
