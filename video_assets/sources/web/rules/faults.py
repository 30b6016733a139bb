"""Why a web video could not be had: one fixed word per cause, and what each cause means for trying again.

Belongs here: recognizing causes by what yt-dlp, a server or a site says; policy per cause. Does not belong here: asking anybody
(`sources.web.videos`), waiting (`sources.web.rules.when_to_pause`), a clip's ledger line (`sources.fetching.fetches`).
The sites' sentences are those of yt-dlp 2026.8 (extractor/youtube, extractor/common, downloader) and of YouTube's players.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Fault:
    """Why a web video cannot be had: a word of `CAUSES` or `SHARED`, and the same in words.

    `http_status` is the last one that was an error, `wait_s` for how many seconds the server asked us to wait.
    """

    reason: str
    detail: str
    http_status: int | None = None
    wait_s: float | None = None


class Cause(NamedTuple):
    """What a cause means: in words; whether asking again is useless; tries in one run; whether the site wants us to stop.

    `is_refusal`: single ones say nothing, but a site that sends robots away answers so every time.
    """

    meaning: str
    is_permanent: bool = True
    max_tries: int = 1
    is_alarm: bool = False
    is_refusal: bool = False


CAUSES = {
    "private": Cause("its owner has made the web video private"),
    "removed": Cause("the web video was deleted, by its owner or by the site"),
    "terminated": Cause("the account that the web video belonged to is closed"),
    "unavailable": Cause("the site says that the web video is not available, and not why"),
    "geo_blocked": Cause("the site does not show the web video in the country that we ask from"),
    "age_restricted": Cause(
        "the site shows the web video to adults who are signed in; needs miradata.cookies", is_permanent=False
    ),
    "members_only": Cause("the web video is for paying members or buyers only"),
    "login_required": Cause("the site asks for a login; needs miradata.cookies, or fresh ones", is_permanent=False),
    "bot_check": Cause("the site wants proof that we are no robot; wait, and use miradata.cookies", False, 1, is_alarm=True),
    "live_or_premiere": Cause("a live stream or premiere that has not ended; asked for again", is_permanent=False),
    "no_format": Cause("no format of the web video can be downloaded: copy protection, or only formats that need other programs"),
    "not_a_video": Cause("the address gives a web page, a picture or something else that is no video", is_refusal=True),
    "unsupported_site": Cause("yt-dlp does not know the site, and the address is not that of a video file"),
    "source_too_large": Cause("the web video is larger than miradata.max_source_gib; asked for again when that is raised"),
    "redirect_loop": Cause("the address leads in a circle, from one address to the next"),
    "no_video": Cause("the address gives sound without pictures"),
    "address_refused": Cause("not http(s), or it leads into a private network (miradata.allowed_networks)"),
    "too_slow": Cause("the transfer took longer than miradata.max_source_s; asked for again", is_permanent=False),
    "site_error": Cause("an error that is not known; its words are in the detail; yt-dlp may need an update", False, 2),
    "cut_failed": Cause("the clip could not be cut out of the web video, or what was cut out does not decode"),
    "out_of_range": Cause("the web video is shorter than the clip's place in it"),
    "invalid_row": Cause("the row's id, address or times cannot be read; the detail names line and column"),
    "invalid_caption": Cause("the caption cannot be read as text, or no CSV can hold it"),
    "not_asked_yet": Cause("the table lists it, and nobody has asked for it yet; the next run of its batch does", False),
    "not_in_table": Cause("the table has no row of the clip any more; its file stays, for the day on which it has one again"),
    "duplicate_row": Cause("an earlier row has the same id; that one counts"),
}
"""Causes that only web videos have."""

REASONS = {name: cause.meaning for name, cause in CAUSES.items()}

# Causes that the fetch ledger knows of all sources (`sources.fetching.fetches.REASONS`).
SHARED = {
    "not_found": Cause("", is_permanent=True),
    "forbidden": Cause("", is_permanent=False, max_tries=2, is_refusal=True),
    "network": Cause("", is_permanent=False, max_tries=3),
    "rate_limited": Cause("", is_permanent=False, max_tries=2, is_alarm=True),
}

# First match counts: what is most telling comes first.
_SENTENCES = (
    ("bot_check", r"not a bot|captcha|unusual traffic|automated (?:queries|requests)"),
    ("rate_limited", r"rate.?limit|too many requests|content isn.t available, try again later|http error 429"),
    ("age_restricted", r"confirm your age|age.?restricted|inappropriate for some users"),
    ("private", r"private video|video is private|made (?:this video|it) private"),
    (
        "terminated",
        r"account .{0,60}(?:has been |been |was )?(?:terminated|closed|suspended)|account has been removed|closed their",
    ),
    ("geo_blocked", r"(?:in|from) your (?:country|location|region)|geo.?restrict|geo.?block"),
    (
        "members_only",
        r"members.only|channel's members|join this channel|requires payment|rental|purchase|premium (?:members|subscri)",
    ),
    ("live_or_premiere", r"live event (?:will|has)|premieres? (?:in|will)|is offline|live stream recording is not available"),
    ("removed", r"has been removed|was removed|been deleted|was deleted|does not exist|no longer available|no longer exists"),
    ("login_required", r"sign in|log.?in|cookies are no longer valid|registered users|authenticat"),
    ("no_format", r"requested format is not available|no video formats|only images are available|drm|ffmpeg|no formats"),
    ("unavailable", r"video (?:is )?(?:un|not )available|content (?:is )?not available|content isn.t available"),
    ("address_refused", r"unsupported url scheme"),
    ("unsupported_site", r"unsupported url"),
    ("network", r"timed? ?out|connection|reset by peer|incomplete|bytes read|more expected|temporary failure|name resolution"),
    ("network", r"unable to connect|remote end closed|giving up after|eof occurred|content too short|broken pipe"),
)
# What pages say that stand before a site's files to keep robots out (Cloudflare, DataDome, PerimeterX, Imperva, DDoS-Guard, ...).
_ROBOT_PAGE = (
    r"captcha|turnstile|not a (?:ro)?bot|(?:are|you.re|you are) (?:a )?human|verify(?:ing)? (?:that )?you"
    r"|prove (?:that )?you|checking your browser|just a moment|attention required|unusual (?:traffic|activity)"
    r"|automated (?:access|queries|requests)|enable javascript and cookies"
    r"|ddos.guard|incapsula|perimeterx|datadome|cf-chl|challenge-platform"
)
_PAGES = (
    ("bot_check", _ROBOT_PAGE),
    ("rate_limited", r"rate.?limit|too many requests|slow down|try again (?:later|in a few)"),
)
_PAGE_PATTERNS = [(reason, re.compile(pattern)) for reason, pattern in _PAGES]
_PATTERNS = [(reason, re.compile(pattern)) for reason, pattern in _SENTENCES]
_KINDS = {
    "GeoRestrictedError": "geo_blocked",
    "UnsupportedError": "unsupported_site",
    "UserNotLive": "live_or_premiere",
    "IncompleteRead": "network",
    "ContentTooShortError": "network",
    "TransportError": "network",
    "SSLError": "network",
    "ProxyError": "network",
}
_STATUS = re.compile(r"http error (\d{3})")
_TO_STDERR = re.compile(r"\x1b\[[0-9;]*m|^ERROR:\s*")


def cause_of(reason: str) -> Cause:
    """Policy of a reason that a web video can have."""
    return CAUSES.get(reason) or SHARED[reason]


def classify(text: str, *, kinds: Collection[str] = (), http_status: int | None = None) -> str:
    """The reason for what yt-dlp or a server said.

    Args:
        text: the message.
        kinds: names of the exception's classes and of those behind it.
        http_status: status of the answer that was an error, when it is known.

    >>> classify("[youtube] abc: Private video. Sign in if you've been granted access to this video")
    'private'
    >>> classify("HTTP Error 403: Forbidden", http_status=403)
    'forbidden'
    """
    folded = text.lower().replace("\u2019", "'")
    status = http_status or status_in(text)
    said = next((reason for reason, pattern in _PATTERNS if pattern.search(folded)), "")
    known = next((reason for kind, reason in _KINDS.items() if kind in kinds), "")
    if said in {"bot_check", "rate_limited"}:
        return said
    if known == "geo_blocked":
        return known
    return _of_status(status) or (said if said and said != "network" else "") or known or said or "site_error"


def page_reason(page: bytes) -> str:
    """What a web page that came instead of a video says of us: "bot_check", "rate_limited", or "" for anything else.

    >>> page_reason(b"<title>Just a moment...</title>"), page_reason(b"<h1>Page not found</h1>")
    ('bot_check', '')
    """
    text = " ".join(page.decode("utf-8", "replace").lower().replace("\u2019", "'").replace("&#39;", "'").split())
    return next((reason for reason, pattern in _PAGE_PATTERNS if pattern.search(text)), "")


def _of_status(status: int | None) -> str:
    if status is None or status < 400:
        return ""
    if status >= 500 or status in {408, 425}:
        return "network"
    return {404: "not_found", 410: "not_found", 429: "rate_limited", 451: "geo_blocked"}.get(status, "forbidden")


def status_in(text: str) -> int | None:
    """The HTTP status that a message names.

    >>> status_in("ERROR: unable to download video data: HTTP Error 503: Service Unavailable")
    503
    """
    match = _STATUS.search(text.lower())
    return int(match[1]) if match else None


def plain_words(text: str) -> str:
    """A message of yt-dlp without colours, its leading ERROR, and the request to report a bug."""
    return _TO_STDERR.sub("", text).partition("; please report this issue")[0].strip()


# What the first bytes of a file can be, as far as it matters here.
_VIDEO_STARTS = (b"\x1aE\xdf\xa3", b"OggS", b"FLV\x01", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"0&\xb2u\x8ef\xcf\x11")
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof"}


def content_kind(head: bytes) -> str:
    r"""What a file is by its first bytes: "video", "manifest" (HLS or DASH), "page" (text, markup), or "other".

    >>> content_kind(b"<!DOCTYPE html><html>"), content_kind(b"#EXTM3U"), content_kind(b"\0\0\0\x18ftypmp42")
    ('page', 'manifest', 'video')
    """
    if head[4:8] in _MP4_BOXES or head.startswith(_VIDEO_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "video"
    if head[:1] == b"G" and (len(head) <= 188 or head[188:189] == b"G"):  # MPEG transport stream
        return "video"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"#EXTM3U") or b"<MPD" in text[:1024]:
        return "manifest"
    is_text = bool(text) and b"\0" not in head and text[:1] in b"<{[" + bytes(range(0x30, 0x7B))
    return "page" if is_text else "other"
