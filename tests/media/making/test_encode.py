"""Encoding clips of the samples leaves no mark on the process that does it."""

import os

import pytest
from media_factory import make_clip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's threads are made real-time ones")
def test_an_av1_clip_does_not_make_this_process_a_real_time_one(tmp_path):
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    make_clip(tmp_path / "clip.mp4", video="libsvtav1", n_frames=3)
    assert (os.sched_getscheduler(0), os.sched_getparam(0)) == before
