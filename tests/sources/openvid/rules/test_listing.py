"""Listings: what has changed, what is wanted, and that they come back as they were."""

import pytest

from video_assets.core.errors import UsageError
from video_assets.core.fetch_errors import IncompleteSetError, NotOnHubError
from video_assets.sources.hub.hub_file import HubFile
from video_assets.sources.openvid.rules.listing import Listing, choose_archives


def listing(**contents):
    files = {f"{name}.zip": HubFile(f"{name}.zip", len(text), text * 8, "0") for name, text in contents.items()}
    archives = {f"openvid_part{int(name[1:]):03d}": (f"{name}.zip",) for name in contents}
    broken = {"openvid_part007": "piece 'ab' is missing"}
    return Listing("me/clips", "c" * 40, "p{number}", files, archives, unusable=broken, captions=("a.csv",), warnings=("w",))


def test_a_listing_comes_back_as_it_was():
    before = listing(p0="a", p1000="b", p999="c")
    after = Listing.from_json(before.to_json())
    assert after == before
    assert after.to_json() == before.to_json()
    assert list(after.archives) == ["openvid_part000", "openvid_part999", "openvid_part1000"]


def test_an_archive_has_another_data_version_when_its_bytes_change_and_only_then():
    versions = [listing(p0=text).data_version("openvid_part000") for text in ("a", "a", "b", "ab")]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_archives_are_chosen_by_key_or_number():
    known = listing(p0="a", p1="b", p12="c")
    assert choose_archives(known, None) == ["openvid_part000", "openvid_part001", "openvid_part012"]
    assert choose_archives(known, [12, "0", "openvid_part000"]) == ["openvid_part000", "openvid_part012"]


@pytest.mark.parametrize(
    ("wanted", "words"), [(["99"], r"99 not in me/clips .*000 \.\.\. openvid_part001"), ([7], "piece 'ab' is missing")]
)
def test_archives_that_cannot_be_had_are_refused(wanted, words):
    with pytest.raises(UsageError, match=words):
        choose_archives(listing(p0="a", p1="b"), wanted)


def test_pieces_of_archives_that_cannot_be_had_are_refused():
    with pytest.raises(IncompleteSetError, match="openvid_part007 of me/clips"):
        listing(p0="a").pieces("openvid_part007")
    with pytest.raises(NotOnHubError, match="openvid_part001: no such archive"):
        listing(p0="a").pieces("openvid_part001")
