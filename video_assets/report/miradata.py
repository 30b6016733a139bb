"""Pictures of MiraData: how far the work is, and what a survey says can be had.

Belongs here: what is drawn. Does not belong here: the numbers (`sources.miradata.rules`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from video_assets.core.units import count, share
from video_assets.report.style import (
    BAD,
    KEPT,
    MUTED,
    count_axis,
    label,
    legend,
    name_rows,
    new_figure,
    own_look,
    png,
    say_empty,
    style,
    text,
)
from video_assets.sources.miradata.rules.progress import Progress
from video_assets.sources.miradata.rules.survey import SiteEstimate

_MAX_DAYS = 60
_REASON_COLOURS = (BAD, "#e69f00", "#8a63b8", "#6b8e23", "#7f8c99")


@own_look()
def survey_png(sites: Sequence[SiteEstimate]) -> bytes:
    """The obtainable share of each site, with its 95 % interval."""
    figure = new_figure(120 + 44 * max(2, len(sites)))
    axes = figure.add_subplot()
    asked = [site for site in sites if site.n_asked]
    style(axes, f"Obtainable web videos by site, of {count(sum(site.n_asked for site in sites), 'web videos')} asked", grid="x")
    if not asked:
        say_empty(axes, "no web video was asked for yet")
        return png(figure)
    for row, site in enumerate(asked):
        bounds = [[max(0.0, site.share - site.low)], [max(0.0, site.high - site.share)]]
        axes.errorbar([site.share], [row], xerr=bounds, fmt="o", color=KEPT, capsize=4, markersize=6, elinewidth=2)
        told = (
            f"{share(site.n_had, site.n_asked)} ({site.low:.0%} to {site.high:.0%}), {site.n_asked:,} of {site.n_videos:,} asked"
        )
        text(axes, 1.03, row, told, color=MUTED, fontsize=8)
    name_rows(axes, [site.site for site in asked], min_rows=2)
    axes.set_xlim(0, 1.75)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    label(axes, "share of the sample that can be had, with the 95 % interval (Wilson)", "")
    return png(figure)


@own_look()
def progress_png(progress: Progress) -> bytes:
    """Clips cut a day, and the share lost so far by reason."""
    figure = new_figure(520)
    upper, lower = figure.subplots(2, 1)
    left = f"{progress.n_left:,} left, end {progress.ends_on}"
    style(upper, f"{progress.n_cut:,} clips cut, {progress.n_lost:,} lost, {left}")
    style(lower, "Share lost so far, by reason")
    if not progress.days:
        for axes in (upper, lower):
            say_empty(axes, "nothing was asked for yet")
        return png(figure)
    days = progress.days[-_MAX_DAYS:]
    at = [datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() / 86_400 for day in days]
    upper.bar(at, [progress.cut.get(day, 0) for day in days], width=0.8, color=KEPT)
    label(upper, "", "clips cut a day")
    count_axis(upper, "y")
    shares = list(progress.lost_shares().items())[: len(_REASON_COLOURS)]
    colours = {reason: colour for (reason, _), colour in zip(shares, _REASON_COLOURS, strict=False)}
    for reason, told in shares:
        lower.plot(at, told[-_MAX_DAYS:], color=colours[reason], marker="o", markersize=3)
    lower.yaxis.set_major_formatter(PercentFormatter(1.0))
    lower.set_ylim(0, 1.3 * max((max(told) for _, told in shares), default=1.0))  # room for the names above
    label(lower, "day (UTC)", "share of clips decided")
    if colours:
        legend(lower, colours, loc="upper left", ncols=min(3, len(colours)))
    for axes in (upper, lower):
        _name_days(axes, at, days)
    return png(figure)


def _name_days(axes: Axes, at: list[float], days: list[str]) -> None:
    step = max(1, len(days) // 6)
    axes.set_xticks(at[::step], days[::step])
    axes.set_xlim(at[0] - 0.8, max(at[-1], at[0] + 3) + 0.8)
