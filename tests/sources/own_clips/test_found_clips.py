"""Names are found among the clips of a folder, however many there are and however one asks."""

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from video_assets.sources.own_clips.found_clips import FoundClips

N_CLIPS = 40_000


def names_of(start=0, end=N_CLIPS):
    return [f"{number % 7}/clip {number} ä.mp4" for number in range(start, end)]


@pytest.fixture(scope="module")
def clips():
    found = FoundClips()
    for number, name in enumerate(names_of()):
        found.add(name, number, 10**18 + number)
    return found


@pytest.mark.parametrize("n_names", [1, 300, 5_000, N_CLIPS])
@pytest.mark.parametrize("n_before", [0, 20])
def test_every_name_is_found_at_its_place_and_no_other(clips, n_names, n_before):
    asked = [*names_of(N_CLIPS - n_names), "nowhere.mp4", names_of()[-1]]
    for _ in range(n_before):
        clips.places_of(pa.array(asked[:1]))
    expected = [*range(N_CLIPS - n_names, N_CLIPS), -1, N_CLIPS - 1]
    assert clips.places_of(pa.array(asked)).tolist() == expected


def test_a_single_name_gives_size_and_time(clips):
    assert clips.get(names_of()[39_999]) == ("", "", 39_999, 10**18 + 39_999)
    assert clips.get("nowhere.mp4") is None
    assert names_of()[5] in clips
    assert "nowhere.mp4" not in clips


def test_names_come_one_by_one_in_their_order(clips):
    assert [name for name, _ in clips.items()] == names_of()
    assert [finding.file_size for _, finding in clips.items(np.array([3, 20_000]))] == [3, 20_000]


def test_clips_of_another_folder_are_below_its_name(clips):
    both = FoundClips()
    both.add("a.mp4", 1, 2)
    both.add_below("x.tar", FoundClips())
    both.add_below("x.tar", clips)
    both.add("z.mp4", 3, 4)
    assert len(both) == N_CLIPS + 2
    assert both.get(f"x.tar/{names_of()[9]}") == ("", "", 9, 10**18 + 9)
    assert both.places_of(pa.array(["a.mp4", "z.mp4"])).tolist() == [0, N_CLIPS + 1]


def test_clips_that_are_not_wanted_are_left_out(clips):
    chosen = clips.only(lambda name: name.startswith("3/"))
    assert len(chosen) == len([name for name in names_of() if name.startswith("3/")])
    assert chosen.get(names_of()[3]) == clips.get(names_of()[3])
    assert chosen.get(names_of()[4]) is None


def test_any_other_name_size_time_or_order_gives_another_hash():
    listings = [[("a", 1, 2)], [("a", 1, 3)], [("a", 2, 2)], [("b", 1, 2)], [("ab", 1, 2)], [], [("a", 1, 2), ("b", 1, 2)]]
    listings += [[("b", 1, 2), ("a", 1, 2)], [("", 1, 2), ("ab", 1, 2)]]
    hashes = set()
    for listing in listings:
        found, digest = FoundClips(), xxhash.xxh3_128()
        for clip in listing:
            found.add(*clip)
        found.update_digest(digest)
        hashes.add(digest.hexdigest())
    assert len(hashes) == len(listings)
