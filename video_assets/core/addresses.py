"""Addresses of the web: one spelling for all addresses of one thing.

Belongs here: comparing addresses. Does not belong here: asking them for anything (`sources.web`), whose they are (`tombstones`).
"""

import re
from urllib.parse import parse_qs, unquote, urlsplit

_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_YOUTUBE_PATH = re.compile(r"^/(?:shorts|embed|live|v)/([A-Za-z0-9_-]{11})(?:/|$)")


def normal_url(url: str) -> str:
    """One spelling for the addresses of one thing: no scheme, no `www.`, no fragment; all addresses of a YouTube video are one.

    >>> normal_url("http://youtu.be/abcdefghijk?si=x"), normal_url("HTTPS://www.Example.org/a%20b/#t=3")
    ('youtube.com/watch?v=abcdefghijk', 'example.org/a b')
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    if video := youtube_id(url):
        return f"youtube.com/watch?v={video}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{unquote(parts.path).rstrip('/')}{query}"


def youtube_id(url: str) -> str:
    """The id of a YouTube video from any of its addresses; empty for other addresses."""
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    candidate = ""
    if host == "youtu.be":
        candidate = parts.path.strip("/").partition("/")[0]
    elif host in {"youtube.com", "youtube-nocookie.com", "music.youtube.com"}:
        match = _YOUTUBE_PATH.match(parts.path)
        candidate = match[1] if match else parse_qs(parts.query).get("v", [""])[0]
    return candidate if _YOUTUBE_ID.fullmatch(candidate) else ""
