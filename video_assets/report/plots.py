"""Pictures of what was kept and dropped: the funnel, drop reasons, shards. Each is a PNG, 900 pixels wide, a few ten kilobytes.

Belongs here: what is drawn. Does not belong here: what the kept clips are like (`report.histograms`), colours, text and PNG bytes
(`report.style`), the numbers (`core.funnel`).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from video_assets.core.funnel import Drop, Funnel
from video_assets.core.outliers import Outlier
from video_assets.core.units import count, share, shorten
from video_assets.report.style import (
    BAD,
    INK,
    KEPT,
    KEPT_PALE,
    MUTED,
    count_axis,
    label,
    legend,
    name_rows,
    new_figure,
    own_look,
    png,
    say_empty,
    stage_colour,
    style,
    text,
)

_MAX_REASONS = 20
# With more, single bars can no longer be told apart.
_MAX_BARS = 100


@lru_cache(maxsize=1)  # the CSV's metadata and the report show the same one
@own_look()
def funnel_png(result: Funnel) -> bytes:
    """One bar of clips per stage, the dropped part coloured, the reasons beside it."""
    stages = result.stages
    figure = new_figure(110 + 46 * (len(stages) + 2))
    axes = figure.add_subplot()
    style(
        axes, f"{count(result.listed, 'clips')} listed, {result.kept:,} kept{_in_brackets(result.kept, result.listed)}", grid="x"
    )
    whole = max(result.listed, 1)
    _funnel_bar(axes, 0, result.listed, whole, KEPT)
    left = result.listed
    for row, (stage, drops) in enumerate(stages, start=1):
        lost, colour = sum(drop.clips for drop in drops), stage_colour(stage)
        left -= lost
        # Two pixels at least: what was dropped must be seen.
        axes.barh(row, max(lost, whole * 0.005), left=left, height=0.62, color=colour)
        _funnel_bar(axes, row, left, whole, KEPT_PALE)
        text(axes, whole * 1.02, row - 0.14, f"-{lost:,}{_in_brackets(lost, result.listed)}", color=colour, is_bold=True)
        text(axes, whole * 1.02, row + 0.2, _reasons(drops), color=MUTED, fontsize=8)
    _funnel_bar(axes, len(stages) + 1, result.kept, whole, KEPT)
    names = ["listed", *(stage for stage, _ in stages), "kept"]
    name_rows(axes, names, min_rows=2)
    axes.set_xlim(0, whole * 1.65)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    return png(figure)


def _funnel_bar(axes: Axes, row: int, clips: int, whole: int, colour: str) -> None:
    axes.barh(row, clips, height=0.62, color=colour)
    is_inside = clips > 0.15 * whole
    ink = "white" if is_inside and colour == KEPT else INK
    text(axes, clips, row, f" {clips:,} ", ha="right" if is_inside else "left", color=ink)


def _in_brackets(part: float, whole: float) -> str:
    return f" ({share(part, whole)})" if whole else ""


def _reasons(drops: Sequence[Drop], *, max_chars: int = 54) -> str:
    """As many reasons as fit on the line, and how many more there are."""
    words = ""
    for shown, drop in enumerate(drops):
        longer = f"{words}, {drop.reason} {drop.clips:,}".removeprefix(", ")
        if words and len(longer) > max_chars - len(", 10 more"):
            return f"{words}, {len(drops) - shown} more"
        words = longer
    return shorten(words, max_chars)


@own_look()
def drop_reasons_png(result: Funnel) -> bytes:
    """One bar per reason, coloured by stage, the commonest first; logarithmic when the counts span decades."""
    drops = sorted(result.drops, key=lambda drop: -drop.clips)
    shown, rest = drops[:_MAX_REASONS], drops[_MAX_REASONS:]
    figure = new_figure(120 + 24 * max(len(shown) + bool(rest), 3))
    axes = figure.add_subplot()
    of_all = f" of {result.listed:,}{_in_brackets(result.dropped, result.listed)}"
    style(axes, f"{count(result.dropped, 'clips')} dropped{of_all if drops else ''}", grid="x")
    if not drops:
        say_empty(axes, "no clip was dropped")
        return png(figure)
    names = [shorten(drop.reason, 34) for drop in shown]
    clips, colours = [drop.clips for drop in shown], [stage_colour(drop.stage) for drop in shown]
    if rest:
        names, clips = [*names, f"{len(rest)} other reasons"], [*clips, sum(drop.clips for drop in rest)]
        colours.append(MUTED)
    _reason_bars(axes, names, clips, colours)
    legend(axes, {stage: stage_colour(stage) for stage, _ in result.stages}, loc="lower right")
    return png(figure)


def _reason_bars(axes: Axes, names: list[str], clips: list[int], colours: list[str]) -> None:
    rows = range(len(names))
    is_log = max(clips) > 100 * min(clips)
    if is_log:
        axes.set_xscale("log")
        axes.set_xlim(0.5, max(clips) * 4)
    else:
        axes.set_xlim(0, max(clips) * 1.15)
    axes.barh(rows, clips, height=0.68, color=colours)
    for row, n in zip(rows, clips, strict=True):
        text(axes, n, row, f" {n:,}", ha="left")
    name_rows(axes, names, min_rows=3)
    label(axes, "clips (logarithmic)" if is_log else "clips", "")
    count_axis(axes, "x")


@own_look()
def shards_png(counts: pd.DataFrame, *, outliers: Sequence[Outlier] = ()) -> bytes:
    """Clips per shard, kept and dropped, and below the share dropped with the median shard's; outliers are named.

    Args:
        counts: columns shard, listed, dropped (clips), one row per shard in shard order. When there are more than 100, neighbours
            share a bar, whose dropped share is the worst of them.
        outliers: what `core.outliers.shard_outliers` found in `counts`.
    """
    figure = new_figure(540)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    listed, dropped = int(counts["listed"].sum()), int(counts["dropped"].sum())
    style(top, f"{count(len(counts), 'shards')}, {count(listed, 'clips')}")
    style(bottom, f"Dropped: {share(dropped, listed)} of these clips" if listed else "Dropped")
    if listed == 0:
        say_empty(top, "no clips")
        say_empty(bottom, "no clips")
        return png(figure)
    step = -(-len(counts) // _MAX_BARS)
    bars = _shard_bars(counts, step)
    top.bar(range(len(bars)), bars["kept"], width=0.78, color=KEPT)
    top.bar(range(len(bars)), bars["dropped"], bottom=bars["kept"], width=0.78, color=BAD)
    legend(top, {"kept": KEPT, "dropped": BAD}, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    label(top, "", "clips" if step == 1 else f"clips of {step} shards")
    top.set_ylim(0, float((bars["kept"] + bars["dropped"]).max()) * 1.06)
    count_axis(top, "y")
    _shares(bottom, bars, _percent(counts))
    label(bottom, "shard", "dropped, %" if step == 1 else f"worst of {step}, %")
    for outlier in outliers[:6]:
        row = counts["shard"].tolist().index(outlier.shard) // step
        words = f"{outlier.shard.partition('-of-')[0]}: {share(outlier.dropped, outlier.listed)}"
        text(bottom, row, 100 * outlier.dropped / outlier.listed, words, ha="center", va="bottom", is_bold=True)
    return png(figure)


def _shard_bars(counts: pd.DataFrame, step: int) -> pd.DataFrame:
    """One row per bar of `step` neighbouring shards: first shard, kept and dropped clips, the worst dropped share in percent."""
    rows = counts.assign(kept=counts["listed"] - counts["dropped"], percent=_percent(counts).fillna(0.0))
    bar = pd.Series([row // step for row in range(len(rows))], index=rows.index)
    return rows.groupby(bar).agg({"shard": "first", "kept": "sum", "dropped": "sum", "percent": "max"})


def _percent(counts: pd.DataFrame) -> pd.Series:
    """Dropped share of each shard in percent, NaN for a shard without clips."""
    return 100.0 * counts["dropped"].astype("float64") / counts["listed"].astype("float64").replace(0.0, np.nan)


def _shares(axes: Axes, bars: pd.DataFrame, percent: pd.Series) -> None:
    median = float(percent.median())
    axes.bar(range(len(bars)), bars["percent"], width=0.78, color=BAD)
    axes.axhline(median, color=INK, linewidth=1, linestyle=(0, (3, 2)))
    axes.set_ylim(0, max(float(percent.max()) * 1.25, 0.1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value <= 100 else "")
    text(axes, 1.0, 1.0, f"- - median shard {share(median, 100)}", transform=axes.transAxes, ha="right", va="bottom", color=MUTED)
    ticks = range(0, len(bars), -(-len(bars) // (24 if len(bars) <= 24 else 16)))
    names = bars["shard"].tolist()
    axes.set_xticks(ticks, [names[tick].partition("-of-")[0].lstrip("0") or "0" for tick in ticks])
    axes.set_xlim(-0.6, max(len(bars), 4) - 0.4)
