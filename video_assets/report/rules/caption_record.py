"""What was found in the captions of a table, as values: written into captions.json, shown on the page and in the UI.

Belongs here: these values and their Markdown. Does not belong here: what is looked for (`report.rules.caption_lint`), counting
(`report.captions`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from video_assets.report.rules.caption_lint import FINDINGS


@dataclass(frozen=True)
class WordCounts:
    """Words of a caption: the fewest, half of all, 95 of 100, the most."""

    least: int
    median: int
    p95: int
    most: int


@dataclass(frozen=True)
class CaptionExample:
    """A clip and its caption, shortened."""

    path: str
    text: str


@dataclass(frozen=True)
class CaptionFinding:
    """How many clips have captions of one kind of `FINDINGS`, and the first of them."""

    clips: int
    examples: tuple[CaptionExample, ...] = ()


@dataclass(frozen=True)
class CaptionRecord:
    """All captions of a table: how many, how many different ones, what was looked for, captions in other scripts than most."""

    clips: int
    different: int
    words: WordCounts
    findings: Mapping[str, CaptionFinding]
    other_scripts: Mapping[str, int]


def captions_markdown(record: CaptionRecord) -> str:
    """The record as a table for people; what was looked for and not found is worth knowing too."""
    words = record.words
    head = f"words: {words.least:,} to {words.most:,}, half of the captions have at most {words.median:,}"
    lines = ["| finding | clips | meaning | first ones |", "|---|---:|---|---|"]
    for name, finding in record.findings.items():
        shown = "; ".join(_cell(f"{each.path.rpartition('/')[2]}: {each.text}") for each in finding.examples)
        lines.append(f"| {name} | {finding.clips:,} | {_cell(FINDINGS[name])} | {shown} |")
    return "\n".join([head, "", *lines])


def _cell(text: str) -> str:
    """Text that cannot break out of a table, nor be taken for markup."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", " ".join(text.split()))
