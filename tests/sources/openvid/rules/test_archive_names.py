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


@pytest.mark.parametrize(
    "names",
    [
        ["set-2.zip.001", "set-2.zip.002", "set-2.zip.010"][:2],
        ["set-2.zip.000", "set-2.zip.001"],
        ["set-2_part1of2", "set-2_part2of2"],
        ["set-2.part1of2.zip", "set-2.part2of2.zip"],
        [f"set-2.zip.{number:03}" for number in range(1, 12)],
    ],
)
def test_pieces_with_numbers_are_joined(names):
    plan = plan_archives([f"v1/{name}" for name in names[::-1]], pattern="v1/set-{number}")
    assert plan.archives == {"set002": tuple(f"v1/{name}" for name in names)}
    assert plan.warnings == ()


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["set-2.zip.001", "set-2.zip.003"], "piece '002' is missing (found 001, 003)"),
        (["set-2.zip.002"], "piece '001' is missing"),
        (["set-2_part1of3", "set-2_part2of3"], "piece '3' is missing"),
        (["set-2.zip.001", "set-2.zip.aa"], "its pieces are named in several ways"),
        (["set-2.z01", "set-2.z02", "set-2.zip"], "join them with `zip -s 0 set-2.zip --out set-2-whole.zip`"),
    ],
)
def test_pieces_that_cannot_be_joined_are_named(names, problem):
    plan = plan_archives(names, pattern="set-{number}")
    assert plan.archives == {}
    assert problem in plan.unusable["set002"]
    assert plan.warnings == (f"set002 cannot be used: {plan.unusable['set002']}",)


def test_what_only_begins_like_an_archive_is_named_and_not_passed_over():
    plan = plan_archives(["set-1.zip", "set-2.7z", "set-3.tar.gz", "set-1.csv", "other.7z"], pattern="set-{number}")
    assert list(plan.archives) == ["set001"]
    assert "2 files begin like archives" in plan.warnings[0]
    assert "set-2.7z, set-3.tar.gz" in plan.warnings[0]


@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_pieces_are_in_order_whatever_the_order_of_the_listing(n_pieces, dice):
    letters = [chr(ord("a") + at // 26) + chr(ord("a") + at % 26) for at in range(n_pieces)]
    paths = [f"OpenVid_part5_part{name}" for name in letters]
    shuffled = dice.sample(paths, len(paths))
    assert plan_archives(shuffled, pattern=OPENVID).archives["openvid_part005"] == tuple(paths)
