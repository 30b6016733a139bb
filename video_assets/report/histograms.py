"""What clips are like, as histograms: size, duration, resolution, rate, captions. A PNG, 900 pixels wide, a few ten kilobytes.

Millions of clips are binned by numpy before anything is drawn. Belongs here: binning and drawing. Does not belong here: colours,
text and PNG bytes (`report.style`), counting captions (`report.captions`).
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from video_assets.core.units import MIB, number, share
from video_assets.report.captions import CaptionFacts
from video_assets.report.previews import finite
from video_assets.report.style import (
    BAD,
    INK,
    KEPT,
    MUTED,
    count_axis,
    label,
    name_rows,
    new_figure,
    own_look,
    png,
    say_empty,
    style,
    text,
)

_MAX_CLASSES = 7


@own_look()
def histograms_png(clips: pd.DataFrame, captions: CaptionFacts | None = None) -> bytes:
    """File size, duration, resolution and frame rate of `clips` (CLIPS, CHECKED; TRAINING has no duration: frames / fps).

    With `captions` also their lengths, and how many clips share one.
    """
    n_rows = 2 if captions is None else 3
    figure = new_figure(320 * n_rows)
    grid = figure.subplots(n_rows, 2)
    _numbers(grid[0][0], "File size", finite(clips["file_size"]) / MIB, "file size, MiB")
    _numbers(grid[0][1], "Duration", finite(_durations(clips)), "duration, s")
    _classes(
        grid[1][0], "Resolution", _sizes(clips), "width x height, pixels", numbers=_short_sides(clips), unit="short side, pixels"
    )
    _classes(grid[1][1], "Frame rate", _rates(clips), "frames per second", numbers=finite(clips["fps"]), unit="frame rate, 1/s")
    if captions is not None:
        _numbers(grid[2][0], "Captions", captions.words, "caption length, words")
        _shared(grid[2][1], captions)
    return png(figure)


def _shared(axes: Axes, captions: CaptionFacts) -> None:
    """Clips by how many others have the same caption; a model learns one caption of a thousand clips, not a thousand."""
    total = len(captions.words)
    empty = f", {share(captions.n_empty, captions.n_captioned)} empty" if captions.n_captioned else ""
    repeated = total - int((captions.uses == 1).sum())
    style(axes, f"Captions: {share(repeated, total)} repeated{empty}" if total else "Captions: repeated", grid="x")
    if not total:
        return say_empty(axes, "no clips")
    names = ["only one clip", "2 clips", "3 to 9", "10 to 99", "100 or more"]
    edges = [1, 2, 3, 10, 100, np.inf]
    clips = [int(captions.uses[(captions.uses >= low) & (captions.uses < high)].sum()) for low, high in pairwise(edges)]
    axes.barh(range(len(names)), clips, height=0.68, color=[KEPT, *[BAD] * 4])
    for row, n in enumerate(clips):
        text(axes, n, row, f" {share(n, total)}", color=MUTED, fontsize=8)
    name_rows(axes, names, min_rows=5)
    axes.set_xlim(0, max(clips) * 1.2)
    label(axes, "clips", "that have one caption")
    count_axis(axes, "x")
    return None


def _durations(clips: pd.DataFrame) -> pd.Series:
    return clips["duration_s"] if "duration_s" in clips else clips["num_frames"] / clips["fps"]


def _sizes(clips: pd.DataFrame) -> pd.Series:
    """Clips per frame size, for example `1280x720`; counted as one integer each, since a million strings take a second."""
    known = clips[["width", "height"]].dropna().astype("int64")
    codes = (known["width"] * 1_000_000 + known["height"]).value_counts()
    return pd.Series(codes.to_numpy(), index=[f"{code // 1_000_000}x{code % 1_000_000}" for code in codes.index])


def _short_sides(clips: pd.DataFrame) -> np.ndarray:
    known = clips[["width", "height"]].dropna()  # pandas makes an object of every number for the least of a row
    return np.minimum(finite(known["width"]), finite(known["height"]))


def _rates(clips: pd.DataFrame) -> pd.Series:
    """Clips per frame rate, rounded to 0.01."""
    codes = clips["fps"].astype("float64").dropna().round(2).value_counts()
    return pd.Series(codes.to_numpy(), index=[f"{rate:g}" for rate in codes.index])


def _numbers(axes: Axes, title: str, values: np.ndarray, unit: str) -> None:
    """A histogram with its median; logarithmic bins when the values span decades."""
    if len(values) == 0:
        style(axes, title)
        return say_empty(axes, "no clips")
    median = float(np.median(values))
    shown = [number(float(f"{value:.3g}")) for value in (median, values.max())]
    style(axes, f"{title}: median {shown[0]}, largest {shown[1]} {unit.rpartition(', ')[2]}")
    edges = bin_edges(values)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    if _is_log(edges):
        axes.set_xscale("log")
    axes.stairs(counts, edges, fill=True, color=KEPT, alpha=0.9)
    axes.axvline(median, color=INK, linewidth=1.2, linestyle=(0, (3, 2)))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, max(counts) * 1.08)
    label(axes, unit, "clips")
    axes.xaxis.set_major_formatter(lambda value, _: number(float(f"{value:.6g}")))
    count_axis(axes, "y")
    return None


def bin_edges(values: np.ndarray) -> np.ndarray:
    """Edges of at most 50 bins; equal values get a bin around them.

    Of more than 1,000 values the farthest 0.1 % at each end lie outside; the caller puts them into the outermost bins.
    """
    low, high = np.quantile(values, [0.001, 0.999]) if len(values) > 1000 else (values.min(), values.max())
    n_bins = int(np.clip(np.sqrt(len(values)) * 2, 8, 50))
    if high <= low:
        margin = abs(low) * 0.1 or 1.0
        return np.linspace(low - margin, low + margin, 8)
    if low > 0 and high / low > 100:
        return np.geomspace(low, high, n_bins + 1)
    return np.linspace(0 if 0 <= low < 0.3 * high else low, high, n_bins + 1)


def _is_log(edges: np.ndarray) -> bool:
    return len(edges) > 2 and not np.isclose(edges[1] - edges[0], edges[2] - edges[1])


def _classes(axes: Axes, title: str, counts: pd.Series, name: str, *, numbers: np.ndarray, unit: str) -> None:
    """A bar for each of the commonest values; a histogram of `numbers` when those are not most of the clips."""
    total = int(counts.sum())
    if total == 0 or counts.head(_MAX_CLASSES).sum() < 0.5 * total:
        return _numbers(axes, title, numbers, unit)
    shown = counts.head(_MAX_CLASSES if len(counts) > _MAX_CLASSES + 1 else _MAX_CLASSES + 1)
    names, clips = [str(value) for value in shown.index], [int(n) for n in shown]
    if len(counts) > len(shown):
        names.append(f"{len(counts) - len(shown):,} others")
        clips.append(total - sum(clips))
    style(axes, f"{title}: {names[0]} for {share(clips[0], total)} of clips", grid="x")
    rows = range(len(names))
    axes.barh(rows, clips, height=0.68, color=[KEPT] * len(shown) + [MUTED] * (len(names) - len(shown)))
    for row, n in zip(rows, clips, strict=True):
        text(axes, n, row, f" {share(n, total)}", color=MUTED, fontsize=8)
    name_rows(axes, names, min_rows=4)
    axes.set_xlim(0, max(clips) * 1.2)
    label(axes, "clips", name)
    count_axis(axes, "x")
    return None
