"""What could be had of MiraData's web videos, estimated from a random sample of each site.

Belongs here: drawing the sample, shares with their intervals, bytes and days. Does not belong here: asking
(`sources.miradata.survey`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import zip_longest

_Z = 1.96  # 95 of 100 such intervals hold the true share


@dataclass(frozen=True)
class Answer:
    """What a site said of one web video: `reason` is empty when it can be had; unknown numbers are None."""

    url: str
    site: str
    reason: str = ""
    n_bytes: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class SiteEstimate:
    """One site: `n_videos` in the table, `n_asked` of them, `n_had` that can be had; `low` and `high` bound the share (95 %).

    `n_bytes`: of all that can be had, None when no size is known. `days`: to fetch them at the limits of the settings.
    """

    site: str
    n_videos: int
    n_asked: int
    n_had: int
    low: float
    high: float
    n_bytes: float | None
    days: float
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of the sample that can be had; 0 of nothing."""
        return self.n_had / self.n_asked if self.n_asked else 0.0


def draw(videos: Mapping[str, Iterable[str]], n_per_site: int) -> list[tuple[str, str]]:
    """Site and address of the web videos to ask for, sites by turns.

    The order is random and always the same, so that a larger sample holds the smaller one, and a second run goes on with it.

    Args:
        videos: addresses by site.
        n_per_site: how many of each.
    """
    drawn = [
        [(site, url) for url in sorted(set(urls), key=lambda url: blake2b(url.encode()).digest())[:n_per_site]]
        for site, urls in sorted(videos.items())
    ]
    return [each for turn in zip_longest(*drawn) for each in turn if each is not None]


def interval(n_had: int, n_asked: int) -> tuple[float, float]:
    """Wilson's interval of a share, 95 %; also right for 0 and for all, and for small samples.

    >>> [round(bound, 3) for bound in interval(45, 50)], [round(bound, 3) for bound in interval(0, 10)], interval(0, 0)
    ([0.786, 0.957], [0.0, 0.278], (0.0, 1.0))
    """
    if not n_asked:
        return 0.0, 1.0
    share, weight = n_had / n_asked, _Z**2 / n_asked
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / n_asked + weight / (4 * n_asked)) / (1 + weight)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def estimate(site: str, n_videos: int, answers: Sequence[Answer], *, wait_s: float, bytes_per_s: float | None) -> SiteEstimate:
    """The estimate for one site.

    Args:
        site: its name.
        n_videos: web videos that the table has of it.
        answers: what it said.
        wait_s: seconds between two web videos (`miradata.sleep_s` to `max_sleep_s`).
        bytes_per_s: limit of the transfer, None for none: then waiting alone counts.
    """
    had = [answer for answer in answers if not answer.reason]
    sizes = [answer.n_bytes for answer in had if answer.n_bytes]
    low, high = interval(len(had), len(answers))
    n_all = n_videos * len(had) / len(answers) if answers else 0.0
    n_bytes = n_all * sum(sizes) / len(sizes) if sizes else None
    seconds = n_videos * wait_s + ((n_bytes or 0.0) / bytes_per_s if bytes_per_s else 0.0)
    reasons: dict[str, int] = {}
    for answer in answers:
        if answer.reason:
            reasons[answer.reason] = reasons.get(answer.reason, 0) + 1
    return SiteEstimate(site, n_videos, len(answers), len(had), low, high, n_bytes, seconds / 86_400, reasons)


def total(sites: Sequence[SiteEstimate]) -> SiteEstimate:
    """All sites that were asked as one: shares weighed by web videos, bounds likewise, so that they are rather too wide."""
    asked = [site for site in sites if site.n_asked]
    n_videos = sum(site.n_videos for site in asked)
    weighed = [sum(getattr(site, name) * site.n_videos for site in asked) / max(1, n_videos) for name in ("share", "low", "high")]
    sizes = [site.n_bytes for site in asked if site.n_bytes is not None]
    n_asked = sum(site.n_asked for site in asked)
    reasons: dict[str, int] = {}
    for reason, n in ((reason, n) for site in asked for reason, n in site.reasons.items()):
        reasons[reason] = reasons.get(reason, 0) + n
    return SiteEstimate(
        "all", n_videos, n_asked, round(weighed[0] * n_asked), weighed[1], weighed[2] if asked else 1.0,
        sum(sizes) if sizes else None, sum(site.days for site in asked), reasons,
    )  # fmt: skip


def as_markdown(sites: Sequence[SiteEstimate]) -> str:
    """The estimates as a table."""
    head = "| site | web videos | asked | obtainable | 95 % interval | GB | days | why not |\n|---|---|---|---|---|---|---|---|"
    return "\n".join([head, *map(_line, sites)])


def _line(each: SiteEstimate) -> str:
    share = f"{each.share:.1%} | {each.low:.1%} to {each.high:.1%}" if each.n_asked else "not asked yet | "
    size = "unknown" if each.n_bytes is None else f"{each.n_bytes / 1e9:,.1f}"
    why = ", ".join(f"{reason} {n}" for reason, n in sorted(each.reasons.items(), key=lambda item: (-item[1], item[0])))
    return f"| {each.site} | {each.n_videos:,} | {each.n_asked:,} | {share} | {size} | {each.days:,.1f} | {why} |"
