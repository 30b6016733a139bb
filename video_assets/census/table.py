"""The census in words: the table that Dagster's pages show.

Does not belong here: the picture (`census.picture`), the terminal's columns (`cli.pages`), counting (`census.census`).
"""

from video_assets.census.census import Census
from video_assets.core.units import count, duration, share

_MOST = 40


def batches(census: Census) -> str:
    """How many in an epoch, of how many clips, and what is left over: bucket by bucket, the clips that make no whole batch."""
    each = count(census.batch_size, "clips") + (" each" if census.batches != 1 else "")
    return f"{count(census.batches, 'batches')} of {each}, {count(census.lost_in_small_buckets, 'clips')} left over"


def summary(census: Census) -> str:
    """Batches, what is left over, what is cut away: one line."""
    return (
        f"{batches(census)}; "
        f"cut away: {share(census.frames_cut_share, 1)} of frames, {share(census.pixels_cut_share, 1)} of the picture"
    )


def census_markdown(census: Census) -> str:
    """The fullest buckets with clips, duration and batches, then what falls out by cause."""
    head = f"**{census.trainer}**, version {census.version}: {census.placed:,} of {count(census.clips, 'clips')} have a bucket; "
    rows = [
        (row["bucket"], f"{row['clips']:,}", duration(row["hours"] * 3600), f"{row['batches']:,}")
        for row in census.buckets[:_MOST]
    ]
    if rest := census.buckets[_MOST:]:
        sums = [sum(row[name] for row in rest) for name in ("clips", "hours", "batches")]
        rows.append((count(len(rest), "buckets") + " more", f"{sums[0]:,}", duration(sums[1] * 3600), f"{sums[2]:,}"))
    rows += [(f"falls out: {cause}", f"{clips:,}", "", "") for cause, clips in census.left_out.items()]
    lines = ["| bucket | clips | duration | batches |", "|---|---:|---:|---:|", *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join([head + summary(census), "", *lines])
