"""Addresses of the web: one spelling for all addresses of one thing.

Belongs here: comparing addresses. Does not belong here: asking them for anything (`sources.web`), whose they are (`tombstones`).
"""

import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HOST_AND_PATH = re.compile(r"(?://)?(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?::\d+)?/.")
_WWW = re.compile(r"(?://)?www\.[^/]+/", re.IGNORECASE)
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_YOUTUBE_PATH = re.compile(r"^/(?:shorts|embed|live|v)/([A-Za-z0-9_-]{11})(?:/|$)")


def is_address(text: str) -> bool:
    """True for an address with its scheme, and for one without whose host nobody takes for a folder's name.

    >>> is_address("https://example.org/a"), is_address("youtu.be/abcdefghijk"), is_address("www.example.org/a")
    (True, True, True)
    >>> is_address("videos.new/a.mp4"), is_address("a.mp4")
    (False, False)
    """
    return bool(_SCHEME.match(text)) or bool(_WWW.match(text)) or bool(youtube_id(text))


def may_be_address(text: str) -> bool:
    """True for everything that begins like a host with a path behind it: a folder may be called so, too.

    >>> may_be_address("videos.new/a.mp4"), may_be_address("videos.v2/a.mp4"), may_be_address("folder/a.mp4")
    (True, False, False)
    """
    return is_address(text) or bool(_HOST_AND_PATH.match(text))


def normal_url(url: str) -> str:
    """One spelling for the addresses of one thing: no scheme, no `www.`, no fragment; all addresses of a YouTube video are one.

    >>> normal_url("http://youtu.be/abcdefghijk?si=x"), normal_url("HTTPS://www.Example.org/a%20b/#t=3")
    ('youtube.com/watch?v=abcdefghijk', 'example.org/a b')
    """
    if video := youtube_id(url):
        return f"youtube.com/watch?v={video}"
    parts = _split(url)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{unquote(parts.path).rstrip('/')}{query}"


def youtube_id(url: str) -> str:
    """The id of a YouTube video from any of its addresses; empty for other addresses."""
    parts = _split(url)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    candidate = ""
    if host == "youtu.be":
        candidate = parts.path.strip("/").partition("/")[0]
    elif host in {"youtube.com", "youtube-nocookie.com", "music.youtube.com"}:
        match = _YOUTUBE_PATH.match(parts.path)
        candidate = match[1] if match else parse_qs(parts.query).get("v", [""])[0]
    return candidate if _YOUTUBE_ID.fullmatch(candidate) else ""


def _split(url: str) -> SplitResult:
    """The parts of an address with or without scheme; none of what is no address."""
    text = url.strip()
    try:
        return urlsplit(text if _SCHEME.match(text) else "https://" + text.removeprefix("//"))
    except ValueError:
        return SplitResult("", "", "", "", "")
