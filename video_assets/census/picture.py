"""The census as a picture: the fullest buckets, and what falls out.

Belongs here: this drawing. Does not belong here: how things are drawn (`report.style`), counting (`census.census`).
"""

from video_assets.census.census import Census
from video_assets.census.table import summary
from video_assets.core.units import count, duration
from video_assets.report.style import BAD, KEPT, count_axis, label, new_figure, own_look, png, safe, style

_MOST = 20
_ROOM = 1.25
"""The axis in fullest buckets: room for the text behind its bar."""


@own_look()
def census_png(census: Census) -> bytes:
    """Bars of clips by bucket (the fullest twenty) and by cause."""
    shown = [(row["bucket"], row["clips"], KEPT, f" ({duration(row['hours'] * 3600)})") for row in census.buckets[:_MOST]]
    shown += [(cause, clips, BAD, "") for cause, clips in census.left_out.items()]
    figure = new_figure(180 + 26 * max(len(shown), 1))
    axes = figure.subplots()
    title = f"{census.trainer}: {census.placed:,} of {count(census.clips, 'clips')} have a bucket\n{summary(census)}"
    style(axes, title, grid="x")
    for position, (_, clips, colour, hours) in enumerate(reversed(shown)):
        axes.barh(position, clips, color=colour)
        axes.text(clips, position, f" {clips:,}{hours}", va="center", fontsize=8)
    axes.set_xlim(0, _ROOM * max([clips for _, clips, *_ in shown], default=1))
    axes.set_yticks(range(len(shown)), [safe(name) for name, *_ in reversed(shown)], fontsize=8)
    count_axis(axes, "x")
    label(axes, "clips", "")
    return png(figure)
