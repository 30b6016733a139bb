"""From listed to kept: the funnel of a run, in numbers and words.

Belongs here: counting drops, and the count as text (plain lines, markdown). Does not belong here: pictures (`report.plots`), the
meaning of a reason (`core.verdicts`), counting the rows of tables (`publish.rules.counting`): every command shows funnels, and
pandas takes half a second to load.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from video_assets.core.units import count, share

# Raw sources come before these, whatever they are called.
_STAGES = ("enriched_metadata", "size_filtered", "shard_lists", "decode_check", "selected", "training_csv")


@dataclass(frozen=True)
class Drop:
    """Clips that one stage dropped for one reason."""

    stage: str
    reason: str
    clips: int


@dataclass(frozen=True)
class Funnel:
    """From listed to kept. `drops` is in pipeline order, inside a stage the commonest reason first."""

    kept: int
    drops: tuple[Drop, ...]

    @property
    def listed(self) -> int:
        """Clips ever listed: kept and dropped."""
        return self.kept + self.dropped

    @property
    def dropped(self) -> int:
        """Clips dropped at any stage."""
        return sum(drop.clips for drop in self.drops)

    @property
    def by_reason(self) -> dict[str, int]:
        """Clips dropped by reason, over all stages."""
        counts: dict[str, int] = {}
        for drop in self.drops:
            counts[drop.reason] = counts.get(drop.reason, 0) + drop.clips
        return counts

    @property
    def stages(self) -> list[tuple[str, tuple[Drop, ...]]]:
        """Drops by stage, in pipeline order; stages that dropped nothing are left out."""
        return [(stage, tuple(drops)) for stage, drops in groupby(self.drops, key=lambda drop: drop.stage)]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Clips dropped, by stage and reason: JSON-able, what `funnel_from_counts` takes."""
        return {stage: {drop.reason: drop.clips for drop in drops} for stage, drops in self.stages}


def funnel_from_counts(kept: int, counts: Mapping[str, Mapping[str, int]], *, listed: int | None = None) -> Funnel:
    """The funnel from numbers that were counted before, for example those of the manifest.

    Raises:
        ValueError: `listed` is not `kept` plus all drops.
    """
    drops = [Drop(stage, reason, clips) for stage, reasons in counts.items() for reason, clips in reasons.items() if clips]
    drops.sort(key=lambda drop: (*stage_rank(drop.stage), -drop.clips, drop.reason))
    result = Funnel(kept=kept, drops=tuple(drops))
    if listed is not None and listed != result.listed:
        raise ValueError(
            f"{count(listed, 'clips')} listed, but {kept:,} kept and {result.dropped:,} dropped make {result.listed:,}: "
            "a table is of an older run; materialize everything from the sources on"
        )
    return result


def stage_rank(stage: str) -> tuple[int, str]:
    """Sorts stages as clips pass them: the sources by name, then the others."""
    return (_STAGES.index(stage) + 1 if stage in _STAGES else 0, stage)


def funnel_lines(result: Funnel, *, indent: str = "") -> list[str]:
    """The funnel for a terminal: label, reason, clips, share of the listed clips; aligned, no colours."""
    rows = [("listed", "", result.listed, "")]
    for stage, drops in result.stages:
        names = [f"  {stage}", *[""] * (len(drops) - 1)]
        rows += [(n, d.reason, -d.clips, share(d.clips, result.listed)) for n, d in zip(names, drops, strict=True)]
    rows.append(("kept", "", result.kept, share(result.kept, result.listed)))
    wide = [max(len(row[0]) for row in rows), max(len(row[1]) for row in rows), max(len(f"{row[2]:,}") for row in rows)]
    return [f"{indent}{a:<{wide[0]}}  {b:<{wide[1]}}  {n:>{wide[2]},}  {s:>7}".rstrip() for a, b, n, s in rows]


def funnel_markdown(result: Funnel, *, meanings: Mapping[str, str] | None = None) -> str:
    """The funnel as a markdown table. `meanings` explains reasons, one line each."""
    rows = [["**listed**", "", f"**{result.listed:,}**", "", ""]]
    for stage, drops in result.stages:
        for drop in drops:
            meaning = (meanings or {}).get(drop.reason, "")
            rows.append([stage, f"`{drop.reason}`", f"-{drop.clips:,}", share(drop.clips, result.listed), _cell(meaning)])
    rows.append(["**kept**", "", f"**{result.kept:,}**", f"**{share(result.kept, result.listed)}**", ""])
    width = 5 if meanings else 4
    return _markdown(["stage", "reason", "clips", "share", "meaning"][:width], [row[:width] for row in rows], numeric={2, 3})


def _cell(text: str) -> str:
    for mark in "\\|`*_[]":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(header: list[str], rows: list[list[str]], *, numeric: set[int]) -> str:
    rule = ["---:" if i in numeric else "---" for i in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])
