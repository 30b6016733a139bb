"""How many workers fit into a memory limit, and what each gets."""

import pytest

from video_assets.workers.crews import Crew, plan_crews
from video_assets.workers.memory import own_bytes

MIB, GIB = 1 << 20, 1 << 30


def test_without_a_limit_every_worker_gets_what_the_settings_say():
    assert plan_crews(n_workers=8, memory_bytes=4 * GIB, limit_bytes=None) == [Crew(8, 4 * GIB)]


def test_where_everybody_fits_there_is_one_crew():
    assert plan_crews(n_workers=4, memory_bytes=GIB, limit_bytes=6 * GIB) == [Crew(4, GIB)]


def test_where_not_everybody_fits_the_clips_that_need_more_get_a_crew_of_their_own():
    first, second = plan_crews(n_workers=4, memory_bytes=4 * GIB, limit_bytes=8 * GIB)
    assert first == Crew(4, 6 * GIB // 4)
    assert second == Crew(1, 4 * GIB)


@pytest.mark.parametrize("limit_bytes", [GIB // 2, GIB, 2 * GIB, 3 * GIB, 8 * GIB, 64 * GIB])
@pytest.mark.parametrize("n_workers", [1, 2, 4, 64])
@pytest.mark.parametrize("memory_bytes", [256 * MIB, GIB, 4 * GIB])
def test_no_crew_takes_more_than_the_limit_leaves(limit_bytes, n_workers, memory_bytes):
    for crew in plan_crews(n_workers=n_workers, memory_bytes=memory_bytes, limit_bytes=limit_bytes):
        assert 1 <= crew.n_workers <= n_workers
        assert 256 * MIB <= crew.memory_bytes <= memory_bytes
        if limit_bytes >= GIB:
            assert crew.n_workers * crew.memory_bytes + own_bytes(limit_bytes) <= limit_bytes
