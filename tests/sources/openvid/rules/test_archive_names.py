"""Names of files to archives: whole, in pieces, incomplete, twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_assets.sources.openvid.rules.archive_names import plan_archives

OPENVID, HD = "OpenVid_part{number}", "OpenVidHD/OpenVidHD_part_{number}"


def test_the_layout_of_openvid_1m():
    paths = ["README.md", "data/train/OpenVid-1M.csv", "OpenVid_part0.zip", "OpenVid_part10.zip", "OpenVid_part2.zip"]
    paths += ["OpenVid_part73_partab", "OpenVid_part73_partaa", "OpenVidHD/OpenVidHD_part_1.zip", "OpenVidHD/OpenVidHD.json"]
    plan = plan_archives(paths, pattern=OPENVID)
    assert list(plan.archives.items()) == [
        ("openvid_part000", ("OpenVid_part0.zip",)),
        ("openvid_part002", ("OpenVid_part2.zip",)),
        ("openvid_part010", ("OpenVid_part10.zip",)),
        ("openvid_part073", ("OpenVid_part73_partaa", "OpenVid_part73_partab")),
    ]
    assert (plan.unusable, plan.warnings) == ({}, ())


def test_the_layout_of_the_hd_folder():
    paths = ["OpenVid_part1.zip", "OpenVidHD/OpenVidHD_part_1.zip"]
    paths += ["OpenVidHD/OpenVidHD_part_15_part_aa", "OpenVidHD/OpenVidHD_part_15_part_ab"]
    plan = plan_archives(paths, pattern=HD)
    assert list(plan.archives) == ["openvidhd_part001", "openvidhd_part015"]
    assert plan.archives["openvidhd_part015"] == tuple(paths[2:])


@pytest.mark.parametrize(
    ("letters", "problem"),
    [("ab", "piece 'aa' is missing (found ab)"), ("aa ac", "piece 'ab' is missing (found aa, ac)"), ("aa aa", "more than once")],
)
def test_pieces_that_are_not_contiguous_from_aa_make_one_archive_unusable(letters, problem):
    pieces = [f"{folder}OpenVid_part7_part{name}" for folder, name in zip(("", "b/"), letters.split(), strict=False)]
    plan = plan_archives([*pieces, "OpenVid_part8.zip"], pattern=OPENVID)
    assert list(plan.archives) == ["openvid_part008"]
    assert problem in plan.unusable["openvid_part007"]
    assert "openvid_part007 cannot be used" in plan.warnings[0]


def test_a_whole_zip_wins_over_its_pieces_and_says_so():
    plan = plan_archives(["OpenVid_part98_partab", "OpenVid_part98.zip"], pattern=OPENVID)
    assert plan.archives == {"openvid_part098": ("OpenVid_part98.zip",)}
    assert plan.warnings == ("openvid_part098: OpenVid_part98_partab is left alone, the whole OpenVid_part98.zip is there too",)


def test_a_zip_that_is_there_twice_is_taken_from_the_upper_folder():
    plan = plan_archives(["a/b/OpenVid_part1.zip", "z/OpenVid_part1.zip"], pattern=OPENVID)
    assert plan.archives == {"openvid_part001": ("z/OpenVid_part1.zip",)}
    assert len(plan.warnings) == 1


def test_a_single_piece_is_used_with_a_warning():
    plan = plan_archives(["OpenVid_part1_partaa"], pattern=OPENVID)
    assert list(plan.archives) == ["openvid_part001"]
    assert "a single piece" in plan.warnings[0]


def test_other_data_sets_have_other_names():
    plan = plan_archives(["v2/clips-3.zip.aa", "v2/clips-3.zip.ab", "v2/clips-3.json"], pattern="v2/clips-{number}")
    assert plan.archives == {"clips003": ("v2/clips-3.zip.aa", "v2/clips-3.zip.ab")}


@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_pieces_are_in_order_whatever_the_order_of_the_listing(n_pieces, dice):
    letters = [chr(ord("a") + at // 26) + chr(ord("a") + at % 26) for at in range(n_pieces)]
    paths = [f"OpenVid_part5_part{name}" for name in letters]
    shuffled = dice.sample(paths, len(paths))
    assert plan_archives(shuffled, pattern=OPENVID).archives["openvid_part005"] == tuple(paths)
