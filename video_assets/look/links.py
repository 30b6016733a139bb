"""Addresses of the page, for those who link to it.

Belongs here: which address shows what. Does not belong here: where a link is put (`defs.describe`), reading one (`look.rules`).
"""

from urllib.parse import urlencode


def look_url(url: str | None, **filters: str) -> str | None:
    """The address that shows the clips of these filters; None when nobody has said where the page is (look.url).

    >>> look_url("https://clips.example.org", stage="decode_check", reason="truncated")
    'https://clips.example.org/?stage=decode_check&reason=truncated'
    """
    return f"{url}/?{urlencode(filters)}" if url else None
