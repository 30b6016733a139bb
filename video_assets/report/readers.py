"""What common readers of video do with clips like those of the training table: they fail, or their frames differ from the table.

Each rule was measured on real and made clips with the versions in `VERSIONS` (benchmarks/readers.py does it again). Traits
without a rule were measured too, and no reader minds: fields, pixels that are not square, HDR, 10 bits, 4:4:4, transparency, a
late start. They are given back as they are stored: no reader deinterlaces, stretches, or maps tones.
Belongs here: the rules, and counting clips by them. Does not belong here: where the table is shown (`defs.describe`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from video_assets.core.codecs import all_names
from video_assets.select.rules.lint import states_no_rate

VERSIONS = {"decord": "0.6.0", "OpenCV": "5.0.0.93", "torchcodec": "0.17.0", "PyAV": "18.1.0"}
COLUMNS = [
    "clip_key", "video_codec", "rotation_deg", "fps", "header_fps", "header_frames", "packet_frames", "is_variable_rate",
    "starts_at_s",
]  # fmt: skip
_TRANSPORT_STREAMS = (".ts", ".m2ts", ".mts")
_AV1 = all_names(["av1"])


@dataclass(frozen=True)
class ReaderRule:
    """Clips of some kind, and what readers do with them; readers that are not named read them as the table says."""

    kind: str
    effects: dict[str, str]
    is_of_kind: Callable[[pd.DataFrame], pd.Series]


RULES = (
    ReaderRule("AV1", {"decord": "fails", "OpenCV": "no frame"}, lambda clips: clips["video_codec"].isin(_AV1)),
    ReaderRule(
        "rotated by a quarter",
        dict.fromkeys(("decord", "OpenCV", "torchcodec"), "height and width change places"),
        lambda clips: clips["rotation_deg"].abs().isin([90, 270]),
    ),
    ReaderRule(
        "an edit list hides frames",
        {"decord": "shows the hidden frames too"},
        lambda clips: clips["header_frames"] > clips["packet_frames"],
    ),
    ReaderRule(
        "the container states no frame rate",
        {"decord": "fails"},
        states_no_rate,
    ),
    ReaderRule(
        "an MPEG transport stream",
        {"torchcodec": "promises frames that it cannot give (10 of 14 clips)"},
        lambda clips: clips["clip_key"].str.lower().str.endswith(_TRANSPORT_STREAMS),
    ),
    ReaderRule(
        "the frame rate varies",
        {"torchcodec": "tells the mean rate"},
        lambda clips: clips["is_variable_rate"],
    ),
    ReaderRule(
        "the container claims another frame rate",
        dict.fromkeys(VERSIONS, "tells the container's rate") | {"torchcodec": "tells the mean rate (0.13.0)"},
        lambda clips: clips["header_fps"] != clips["fps"],
    ),
)


@dataclass(frozen=True)
class ReaderRow:
    """How many clips are of a kind that some reader minds, and by reader with its version what it does with them."""

    kind: str
    clips: int
    effects: Mapping[str, str]


def reader_table(clips: pd.DataFrame) -> tuple[ReaderRow, ...]:
    """A row per rule.

    Args:
        clips: the COLUMNS of CHECKED; what is not known counts as not of the kind.
    """
    return tuple(
        ReaderRow(
            rule.kind,
            int(rule.is_of_kind(clips).fillna(value=False).astype(bool).sum()),
            {f"{reader} {version}": rule.effects.get(reader, "as in the table") for reader, version in VERSIONS.items()},
        )
        for rule in RULES
    )


def together(tables: Sequence[tuple[ReaderRow, ...]]) -> tuple[ReaderRow, ...]:
    """Tables of `reader_table`, one at least, as one of all their clips."""
    return tuple(replace(rows[0], clips=sum(row.clips for row in rows)) for rows in zip(*tables, strict=True))


def reader_markdown(rows: Sequence[ReaderRow]) -> str:
    """The rows of `reader_table` as a table, those without clips too: what was looked for is worth knowing."""
    names = ["kind", "clips", *rows[0].effects]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join([*lines, *(f"| {row.kind} | {row.clips} | " + " | ".join(row.effects.values()) + " |" for row in rows)])
