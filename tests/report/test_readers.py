"""How many clips common readers mind."""

from fractions import Fraction

import pandas as pd
from media_factory import make_clip

from video_assets.core.schema import VERDICTS
from video_assets.media.decode import decode_clip
from video_assets.media.making.encode import shift_packets
from video_assets.report.readers import COLUMNS, VERSIONS, reader_markdown, reader_table


def test_clips_that_readers_mind_are_counted_and_others_not(tmp_path):
    clips = {
        "plain.mp4": {},
        "quarter.mp4": {"rotation_deg": 90},
        "half.mp4": {"rotation_deg": 180},
        "av1.mp4": {"video": "libsvtav1"},
        "hidden.mp4": {"edit": shift_packets(Fraction(-1, 5)), "video_options": {"g": "30", "bf": "0"}},
        "late.mkv": {"muxer": "matroska", "edit": shift_packets(Fraction(2))},
        "cut.TS": {"muxer": "mpegts"},
        "varies.mp4": {"ticks": [number + number // 5 for number in range(30)]},
    }
    records = [
        {"clip_key": name, **decode_clip(str(make_clip(tmp_path / name, **options))).as_record} for name, options in clips.items()
    ]
    records.append({**records[0], "clip_key": "claims.mkv", "header_fps": 1000.0})
    records.append({**records[0], "clip_key": "states-none.mkv", "header_fps": None})
    rows = reader_table(VERDICTS.frame(records)[COLUMNS])
    assert [(row.kind, row.clips) for row in rows] == [
        ("AV1", 1), ("rotated by a quarter", 1), ("an edit list hides frames", 1), ("the container states no frame rate", 1),
        ("an MPEG transport stream", 1), ("the frame rate varies", 1), ("the container claims another frame rate", 1),
    ]  # fmt: skip
    assert all(f"{reader} {version}" in row.effects for row in rows for reader, version in VERSIONS.items())


def test_what_is_not_known_is_not_counted_and_the_table_has_its_rows_all_the_same():
    nothing = VERDICTS.frame(pd.DataFrame({"clip_key": pd.Series(dtype="str")}))[COLUMNS]
    assert {row.clips for row in reader_table(nothing)} == {0}
    assert (
        reader_markdown(reader_table(nothing))
        .splitlines()[2]
        .startswith("| AV1 | 0 | fails | no frame | as in the table | as in the table |")
    )
