"""Pages of a terminal that show a whole data root: its status, its settings.

Does not belong here: one clip, a run's end, progress (`terminal`); what is counted (`explain.status`).
"""

import json
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console

from video_assets.cli.terminal import printable
from video_assets.core.funnel import funnel_from_counts
from video_assets.core.units import count, duration, share, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from video_assets.census.census import Census
    from video_assets.explain.status import Status
    from video_assets.local.status import Activity
    from video_assets.pipeline.forecast import Forecast
    from video_assets.settings.origins import Setting
    from video_assets.sources.expected import Expected
    from video_assets.what_if.what_if import WhatIf


def status(found: "Status", activity: "Activity", *, is_again: bool) -> None:
    """The status as a page; on a terminal that watches, in place of the one before."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    if is_again and out.is_terminal:
        out.clear()
    listed = ", ".join(f"{count:,} {status}" for status, count in sorted(found.listed.items())) or "nothing yet"
    out.print(f"{found.data_root}\nlisted             {listed}")
    if found.oldest_waiting:
        out.print(f"waits longest      {printable(found.oldest_waiting['clip_key'])}, since {found.oldest_waiting['since']}")
    for stage in found.stages:
        out.print(f"{stage.stage:<18} {stage.kept:,} kept, {stage.dropped:,} dropped up to here, made {stage.made_at}")
    rate = f", {found.clips_per_s:,.1f} clips/s, about {found.left_s:,.0f} s left" if found.left_s is not None else ""
    out.print(f"decode_check       {found.checked:,} of {found.clips:,} clips{rate}")
    failed = set(activity.failed_shards)
    states = Counter("failed" if shard.shard in failed and shard.state == "left" else shard.state for shard in found.shards)
    out.print("shards             " + ", ".join(f"{count:,} {state}" for state, count in states.items()))
    for shard in found.shards:
        if shard.state == "in work" or shard.shard in failed:
            by = f"by {shard.holder}, {shard.bytes_per_s / 1e6:,.1f} MB/s" if shard.holder else "failed"
            out.print(f"  {shard.shard}   {shard.checked:,} of {shard.clips:,} clips, {by}")
    _activity(out, activity)


def _activity(out: Console, activity: "Activity") -> None:
    if activity.unread:
        out.print(f"runs, schedules    not known: {activity.unread}")
    for run in activity.runs:
        out.print(f"run                {run['what']} {run['state'].lower()}" + (f" since {run['since']}" if run["since"] else ""))
    for name, tick in activity.next_schedules.items():
        out.print(f"next               {name} {tick}, when `video-assets ui` runs then")


def forecast(found: "Forecast") -> None:
    """What a run would do."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(f"would be listed    {count(found.listed, 'clips')}, {found.with_caption:,} of them with a caption")
    for reason, clips in found.dropped.items():
        if clips:
            out.print(f"would be dropped   {clips:,} {reason}, before decoding")
    out.print(f"known already      {count(found.known, 'clips')} with a verdict")
    out.print(f"would be decoded   {count(found.to_decode, 'clips')}, {size(found.bytes_to_decode)}")
    for source in found.fetched:
        _expected(out, source)
    if found.decode_cpu_s is not None and found.decode_s is not None:
        basis = f"from {count(found.sampled, 'clips')} decoded now" if found.sampled else "from what was decoded before"
        out.print(
            f"estimated          {found.decode_cpu_s / 3600:,.2f} CPU-hours, about {found.decode_s:,.0f} s here with "
            f"{found.workers} workers ({basis})"
        )
    for note in found.notes:
        out.print(f"note               {printable(note)}")
    out.print("Nothing was written.")


def _expected(out: Console, source: "Expected") -> None:
    offered = "not known yet how many clips" if source.offered is None else f"{source.offered:,} clips offered"
    to_fetch = "not known yet how many" if source.to_fetch is None else f"about {count(source.to_fetch, 'clips')}"
    of = "" if source.n_bytes is None else f" of {size(source.n_bytes)}"
    over = "" if source.n_transfer is None else f", {size(source.n_transfer)} over the network"
    out.print(f"{printable(source.source):<18} {offered}, {source.there:,} here; would be fetched: {to_fetch}{of}{over}")
    for note in source.notes:
        out.print(f"  note             {printable(note)}")


def settings_table(found: "Iterable[Setting]") -> None:
    """One line per setting: its name, its value, where that comes from, what it is."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    for setting in found:
        value = "" if setting.value is None else json.dumps(setting.value, ensure_ascii=False)
        out.print(f"{setting.key} = {value}  ({setting.origin})")
        out.print(f"    {setting.description}", style="dim")


def census(found: "Census") -> None:
    """Buckets with clips, then what falls out."""
    from video_assets.census.table import batches

    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(f"{found.trainer}, version {found.version}: {found.placed:,} of {found.clips:,} clips have a bucket")
    out.print(f"{'bucket':<24} {'clips':>10} {'duration':>12} {'batches':>10}")
    for row in found.buckets:
        out.print(f"{row['bucket']:<24} {row['clips']:>10,} {duration(row['hours'] * 3600):>12} {row['batches']:>10,}")
    for cause, clips in found.left_out.items():
        out.print(f"falls out          {clips:,} {cause}")
    out.print(f"in an epoch        {batches(found)}")
    out.print(
        f"cut away           {share(found.frames_cut_share, 1)} of frames, {share(found.pixels_cut_share, 1)} of the picture"
    )


def what_if(found: "WhatIf") -> None:
    """Both funnels side by side, then what is kept of each source, then what must be known besides."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    now, tried = found.now, found.tried
    out.print(f"{'':<44}{'now':>16}{'what if':>16}")
    out.print(f"{'listed':<44}{now.funnel.listed:>16,}{tried.funnel.listed:>16,}")
    both = funnel_from_counts(
        0, {stage: {**now.dropped.get(stage, {}), **tried.dropped.get(stage, {})} for stage in _stages(found)}
    )
    for drop in both.drops:
        lost = [side.dropped.get(drop.stage, {}).get(drop.reason, 0) for side in (now, tried)]
        out.print(f"  {drop.stage + ' ' + drop.reason:<42}{-lost[0]:>16,}{-lost[1]:>16,}")
    out.print(f"{'kept':<44}{now.kept:>16,}{tried.kept:>16,}")
    shares = [share(side.kept, side.funnel.listed) for side in (now, tried)]
    out.print(f"{'  of listed':<44}{shares[0]:>16}{shares[1]:>16}")
    out.print(f"{'hours':<44}{now.hours:>16,.2f}{tried.hours:>16,.2f}")
    out.print(f"{'bytes':<44}{size(now.bytes):>16}{size(tried.bytes):>16}")
    for name, was in now.sources.items():
        is_now = tried.sources[name]
        out.print(f"{printable(name) + ', clips':<44}{was.kept:>16,}{is_now.kept:>16,}")
        out.print(f"{'  hours':<44}{was.hours:>16,.2f}{is_now.hours:>16,.2f}")
        out.print(f"{'  bytes':<44}{size(was.bytes):>16}{size(is_now.bytes):>16}")
    out.print(f"{found.go:,} clips would go, {found.come:,} would come.")
    for note in found.notes:
        out.print(f"note: {printable(note)}")


def _stages(found: "WhatIf") -> list[str]:
    return list(dict.fromkeys([*found.now.dropped, *found.tried.dropped]))
