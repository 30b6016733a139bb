"""Pieces of an archive as one file, without joining them."""

import os
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from video_assets.progress import LogProgress, megabytes
from video_assets.sources.openvid.opening import LocalPieces

DATA = bytes(range(256)) * 4


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    cuts = [0, 100, 101, 1000, len(DATA)]
    for number, (start, stop) in enumerate(pairwise(cuts)):
        (folder / f"part{number}").write_bytes(DATA[start:stop])
    return sorted(folder.iterdir())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reads=st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(-1, 2000)), max_size=10))
def test_reads_anywhere_are_those_of_the_joined_file(paths, reads):
    with LocalPieces(paths) as file:
        assert file.size == len(DATA)
        for start, n_bytes in reads:
            assert file.seek(start) == file.tell() == start
            assert file.read(n_bytes) == (DATA[start:] if n_bytes < 0 else DATA[start : start + n_bytes])


def test_seeking_counts_from_all_three_places_and_refuses_what_lies_before_the_start(paths):
    with LocalPieces(paths) as file:
        assert file.seek(-24, os.SEEK_END) == len(DATA) - 24
        assert file.seek(4, os.SEEK_CUR) == len(DATA) - 20
        with pytest.raises(OSError, match="before the start"):
            file.seek(-1)


def test_megabytes_clips_rate_and_time_left_are_told():
    lines = []
    with megabytes(LogProgress(lines.append, interval_s=0), "openvid_part000", 150_000_000) as advance:
        advance(7_400_000, "1 of 20 clips")
        advance(67_600_000, "10 of 20 clips")
    assert lines[0] == "openvid_part000: 150 MB"
    assert lines[1].startswith("openvid_part000: 7 of 150 MB (5%), ")
    assert " MB/s, about " in lines[2]
    assert lines[2].endswith(" s left; 10 of 20 clips")
