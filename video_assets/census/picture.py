"""The census as a picture: the fullest buckets, and what falls out.

Belongs here: this drawing. Does not belong here: how things are drawn (`report.figure`), counting (`census.census`).
"""

from video_assets.census.census import Census
from video_assets.report.figure import BAD, KEPT, count_axis, label, new_figure, own_look, png, safe, style

_MOST = 20


@own_look()
def census_png(census: Census) -> bytes:
    """Bars of clips by bucket (the fullest twenty) and by cause."""
    shown = [(row["bucket"], row["clips"], KEPT) for row in census.buckets[:_MOST]]
    shown += [(cause, clips, BAD) for cause, clips in census.left_out.items()]
    figure = new_figure(160 + 26 * max(len(shown), 1))
    axes = figure.subplots()
    style(axes, safe(f"{census.trainer}: {census.placed:,} of {census.clips:,} clips have a bucket"), grid="x")
    for position, (_, clips, colour) in enumerate(reversed(shown)):
        axes.barh(position, clips, color=colour)
        axes.text(clips, position, f" {clips:,}", va="center", fontsize=8)
    axes.set_yticks(range(len(shown)), [safe(name) for name, *_ in reversed(shown)], fontsize=8)
    count_axis(axes, "x")
    label(axes, "clips", "")
    return png(figure)
