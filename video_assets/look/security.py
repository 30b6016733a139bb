"""Who may ask: the right host name, the same page, and the token where others reach the port.

A page of a stranger, open in the same browser, must not read or write here: neither by a name of its own that leads to this
machine (Host), nor by a request from its own address (Sec-Fetch-Site, Origin).
Belongs here: refusing requests, and headers of every answer. Does not belong here: what is answered (`look.server`).
"""

import hmac
import ipaddress
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_COOKIE = "video_assets_look"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Access:
    """Host names that are served (empty: any, the token protects), and the token ("" where only this machine gets in)."""

    hosts: frozenset[str]
    token: str


def access_of(host: str, token: str, *, url: str | None) -> Access:
    """What a server bound to `host` lets in; `url` is the address that people use, where a proxy stands in front."""
    if not is_loopback(host):
        return Access(frozenset(), token)
    public = urlsplit(url).hostname if url else None
    return Access(frozenset({*_LOOPBACK, host.strip("[]"), *([public] if public else [])}), "")


def is_loopback(host: str) -> bool:
    """True for a name or address that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """In front of everything."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on; every answer gets the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refusal(Request(scope))
        await (refused or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        host = _host(headers.get("host", ""))
        if self._access.hosts and host not in self._access.hosts:
            return _no(
                f"This server does not answer to the name {host[:100]!r}. Behind a proxy: set look.url to the address.", 421
            )
        if headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"} and not _is_visit(request):
            return _no("Another site may not ask here.", 403)
        if request.method not in {"GET", "HEAD"} and not _is_own_write(headers, host):
            return _no("Only the page itself may write.", 403)
        return self._missing_token(request)

    def _missing_token(self, request: Request) -> Response | None:
        token = self._access.token
        if not token or request.url.path == "/healthz":
            return None
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(_COOKIE)
        if cookie is not None and hmac.compare_digest(cookie.value.encode(), token.encode()):
            return None
        given = request.query_params.get("token", "")
        if not hmac.compare_digest(given.encode(), token.encode()):
            return _no("Open the address that was printed at the start: it ends with the token (?token=...).", 401)
        # Out of the address at once: addresses are copied, sent and logged.
        rest = urlencode([pair for pair in parse_qsl(request.url.query) if pair[0] != "token"])
        answer = RedirectResponse(f"{request.url.path}?{rest}" if rest else request.url.path, 303)
        answer.set_cookie(_COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https")
        return answer


def _is_visit(request: Request) -> bool:
    """True for a link that somebody followed: it shows the page, to that person alone."""
    return request.method == "GET" and request.url.path == "/" and request.headers.get("sec-fetch-mode") == "navigate"


def _is_own_write(headers: Headers, host: str) -> bool:
    origin = urlsplit(headers.get("origin", ""))
    is_json = headers.get("content-type", "").partition(";")[0].strip() == "application/json"
    return (
        is_json and origin.scheme in {"http", "https"} and origin.netloc == headers.get("host") and _host(origin.netloc) == host
    )


def _host(value: str) -> str:
    try:
        return (urlsplit(f"//{value}").hostname or "").lower()
    except ValueError:
        return ""


def _no(words: str, status: int) -> PlainTextResponse:
    return PlainTextResponse(words + "\n", status)
