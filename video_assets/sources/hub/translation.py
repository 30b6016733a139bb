"""What the hub's client and the network say, as errors that a person understands.

Belongs here: recognizing causes. Does not belong here: waiting and trying again (`sources.hub.stream`).
No message holds a URL: those of downloads are signed, and who has one can read the file.
"""

import email.utils
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import httpx, parse_ratelimit_headers

from video_assets.core.errors import UsageError
from video_assets.core.fetch_errors import (
    FetchError,
    GatedError,
    NetworkError,
    NotOnHubError,
    OfflineError,
    RateLimitedError,
    UnreachableError,
)


@contextmanager
def translated(what: str, *, endpoint: str) -> Iterator[None]:
    """Client and transport errors inside the block leave it as a `FetchError` about `what` ("file of repo at revision")."""
    try:
        yield
    except OfflineModeIsEnabled:
        raise OfflineError(
            f"{what}: HF_HUB_OFFLINE is set, so nothing is fetched from the hub. Unset it (OpenVid: or use openvid.mode = "
            '"local" with archives that are on this disk)'
        ) from None
    except HfHubHTTPError as error:
        raise _of_status(what, error, endpoint=endpoint) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, HFValidationError) as error:
        raise UsageError(
            f"{what}: {type(error).__name__}; check the name of the data set (openvid.repo, hub.repo) and HF_ENDPOINT "
            f"({endpoint})"
        ) from None
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise UnreachableError(f"{what}: {_why_unreachable(error, endpoint)}; what is here stays, a later run goes on") from None
    except (httpx.TransportError, httpx.TooManyRedirects) as error:
        who = _server(_url_of(error), endpoint)
        raise NetworkError(f"{what}: the connection to {who} broke ({_name(error)}); a later run goes on here") from None


def _of_status(what: str, error: HfHubHTTPError, *, endpoint: str) -> FetchError:
    """An answer that is no success, by its meaning."""
    status = error.response.status_code
    if isinstance(error, GatedRepoError) or _is_refused(error, endpoint):
        return GatedError(
            f"{what}: the hub refuses access ({status}). Accept the data set's conditions on its page at {endpoint}, and set "
            "HF_TOKEN to a token of that account (or HF_TOKEN_PATH to a file that holds it)"
        )
    if status == 429:
        return _rate_limited(what, error)
    for kind, words in _MISSING.items():
        if isinstance(error, kind):
            return NotOnHubError(f"{what}: {words} ({endpoint})")
    if status in {404, 410}:
        return NotOnHubError(
            f"{what}: {endpoint} does not know it ({status}); check HF_ENDPOINT, openvid.repo or hub.repo, and the revision"
        )
    who = _server(str(error.response.url), endpoint)
    return NetworkError(f"{what}: {who} answered {status}; a later run goes on here")


def _why_unreachable(error: httpx.TransportError, endpoint: str) -> str:
    """Who did not take the connection: the proxy, when there is one, else the server."""
    url = _url_of(error) or endpoint
    if proxy := _proxy_for(url):
        return (
            f"no connection to {_server(url, endpoint)} through the proxy {proxy} ({_name(error)}). Check that proxy "
            "(HTTPS_PROXY), or except the server from it (NO_PROXY)"
        )
    return (
        f"{_server(url, endpoint)} cannot be reached ({_name(error)}). Check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT"
    )


def _url_of(error: httpx.RequestError) -> str:
    try:
        return str(error.request.url)
    except RuntimeError:  # it was not about a request
        return ""


def _server(url: str, endpoint: str) -> str:
    """The hub, or the host behind it that has the bytes; its addresses are signed, so only the host is named."""
    host = urlsplit(url).hostname
    return endpoint if not host or url.startswith(endpoint) else f"{host} (where {endpoint} keeps the file)"


def _proxy_for(url: str) -> str:
    """Host and port of the proxy that a request goes through; empty without one. Never its user name and password."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = urlsplit(proxies.get(parts.scheme) or proxies.get("all") or "")
    if not proxy.hostname or proxy_bypass(parts.hostname or ""):
        return ""
    return f"{proxy.hostname}:{proxy.port}" if proxy.port else proxy.hostname


_MISSING: dict[type[HfHubHTTPError], str] = {
    RevisionNotFoundError: "the hub has no such revision; correct openvid.revision or hub.revision",
    RemoteEntryNotFoundError: "the hub has no such file; materialize the listing again, it may have moved",
    RepositoryNotFoundError: "the hub has no such data set, or it is private; correct openvid.repo or hub.repo, or set HF_TOKEN",
    DisabledRepoError: "the hub has disabled this data set; its page says why",
}


def _is_refused(error: HfHubHTTPError, endpoint: str) -> bool:
    """401 and 403 of the hub itself; a 403 of the storage behind it is a signed address that has expired."""
    is_hub = str(error.response.url).startswith(endpoint)
    return is_hub and error.response.status_code in {401, 403} and not isinstance(error, RepositoryNotFoundError)


def _rate_limited(what: str, error: HfHubHTTPError) -> RateLimitedError:
    wait_s = asked_wait_s(error.response)
    when = "" if wait_s is None else f"; it asks to wait {wait_s:.0f} s, until {_clock(wait_s)}"
    return RateLimitedError(
        f"{what}: the hub limits requests from here (429){when}. A later run goes on here; with HF_TOKEN the limits are higher",
        wait_s=wait_s,
    )


def asked_wait_s(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait: `Retry-After` (seconds or date), or the hub's own `ratelimit` header."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    if asked and (date := email.utils.parsedate_tz(asked)) is not None:
        return max(0.0, email.utils.mktime_tz(date) - time.time())
    limit = parse_ratelimit_headers(response.headers)
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None


def _clock(wait_s: float) -> str:
    return time.strftime("%H:%M:%S UTC", time.gmtime(time.time() + wait_s))


def _name(error: Exception) -> str:
    """What went wrong, without addresses."""
    cause = error.__cause__ or error.__context__
    text = str(error) or (str(cause) if cause is not None else "")
    return f"{type(error).__name__}: {text[:120]}" if text and "://" not in text else type(error).__name__
