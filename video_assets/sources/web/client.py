"""yt-dlp as a library, set up so that it stays what we asked for: no files but ours, no other programs, no private networks.

Belongs here: its options and its connections. Does not belong here: what to fetch (`sources.web.videos`), what its errors mean
(`sources.web.rules.faults`).
"""

import functools
import logging
import ssl
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import yt_dlp
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.networking import RequestDirector
from yt_dlp.networking._urllib import UrllibRH  # its connections can be guarded (held by tests/sources/miradata/test_miradata.py)
from yt_dlp.networking.exceptions import RequestError

from video_assets.settings.sources import MiraData
from video_assets.sources.web.guard import AddressRefusedError, GuardedHandler, Network
from video_assets.sources.web.ways import hiding

# yt-dlp asks these, where they are installed, for the answers that YouTube wants of a player; they get no network.
_JS_RUNTIMES: dict[str, dict[str, str]] = {"deno": {}, "node": {}, "bun": {}, "quickjs": {}}
# Programs that open connections of their own would go around the guard: ffmpeg is never found.
_NO_FFMPEG = "/nonexistent/ffmpeg"
_log = logging.getLogger(__name__)
# To read the certificates takes longer than to ask for a page; they are the same for all.
_tls_contexts: dict[object, ssl.SSLContext] = {}


class Progress(TypedDict, total=False):
    """What yt-dlp says after each block, as far as anybody here reads it."""

    filename: str
    downloaded_bytes: int | None
    total_bytes: int | None
    fragment_index: int


ProgressHook = Callable[[Progress], None]


class WebClient(yt_dlp.YoutubeDL):
    """YoutubeDL whose every connection goes through `sources.web.guard`; of several ways `settings` have one (`ways.one_way`)."""

    def __init__(self, settings: MiraData, *, cache: Path, on_progress: ProgressHook | None = None) -> None:
        self.allowed: Sequence[Network] = settings.allowed_networks
        super().__init__(_options(settings, cache, on_progress))

    def save_cookies(self) -> None:
        """Nothing: sites renew cookies while we talk; the user's file, often a read-only secret, stays as it is."""

    def add_default_info_extractors(self) -> None:
        """All sites that yt-dlp would take; it would match all their names with a pattern, anew for each client."""
        for extractor in default_extractors():
            self.add_info_extractor(extractor)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> RequestDirector:
        """With the guarded transport alone."""
        del handlers, preferences
        return super().build_request_director([self._handler])

    def _handler(self, **options: Any) -> UrllibRH:
        return _GuardedRH(allowed=self.allowed, **options)


@functools.cache
def default_extractors() -> tuple[type, ...]:
    """The sites that yt-dlp knows, in its order, without those that it has switched off."""
    return tuple(extractor for extractor in gen_extractor_classes() if extractor._ENABLED)  # noqa: SLF001 - no other way to ask


class _GuardedRH(UrllibRH):
    """yt-dlp's own transport over guarded connections, for http and https alone."""

    _SUPPORTED_URL_SCHEMES = ("http", "https")

    def __init__(self, *, allowed: Sequence[Network], **options: Any) -> None:
        super().__init__(**options)
        self._allowed = allowed

    def _create_instance(self, proxies: Any, cookiejar: Any, legacy_ssl_support: Any = None) -> urllib.request.OpenerDirector:
        opener = super()._create_instance(proxies, cookiejar, legacy_ssl_support)
        context = self._make_sslcontext(legacy_ssl_support=legacy_ssl_support)
        opener.add_handler(GuardedHandler(context=context, allowed=self._allowed, source_address=self.source_address))
        return opener

    def _make_sslcontext(self, legacy_ssl_support: bool | None = None) -> ssl.SSLContext:
        wishes = self.verify, self.prefer_system_certs, self.legacy_ssl_support, legacy_ssl_support, *self._client_cert.items()
        if wishes not in _tls_contexts:
            _tls_contexts[wishes] = super()._make_sslcontext(legacy_ssl_support=legacy_ssl_support)
        return _tls_contexts[wishes]

    def _send(self, request: Any) -> Any:
        try:
            return super()._send(request)
        except AddressRefusedError as error:
            raise RequestError(str(error), cause=error) from error


class _Quiet:
    """What yt-dlp says, for the debug log, without secrets; its errors come as exceptions."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        self._hide = hide

    def debug(self, message: str) -> None:
        """Details and progress."""
        _log.debug("%s", self._hide(message))

    def info(self, message: str) -> None:
        """Details."""
        _log.debug("%s", self._hide(message))

    def warning(self, message: str, *, once: bool = False) -> None:
        """Warnings, which it has for every second video."""
        del once
        _log.debug("%s", self._hide(message))

    def error(self, message: str) -> None:
        """Also raised."""
        _log.debug("%s", self._hide(message))


def _options(settings: MiraData, cache: Path, on_progress: ProgressHook | None) -> dict[str, object]:
    def wait_s(n: int) -> float:
        return min(60.0, settings.retry_wait_s * 2**n)

    return {
        "quiet": True,
        "noprogress": True,
        "no_color": True,
        "logger": _Quiet(hiding(settings)),
        "progress_hooks": [on_progress] if on_progress else [],
        "cachedir": str(cache),
        "cookiefile": str(settings.cookies[0]) if settings.cookies else None,
        "proxy": settings.proxies[0].get_secret_value() if settings.proxies else None,
        "source_address": str(settings.source_addresses[0]) if settings.source_addresses else None,
        # The best that is not higher than wanted, H.264 and MP4 first: they can be cut without re-encoding.
        "format": "bv*+ba/b",
        "format_sort": [f"res:{settings.max_height}", "vcodec:h264", "acodec:aac", "ext:mp4:m4a", "proto:https"],
        "noplaylist": True,
        "fixup": "never",
        "ffmpeg_location": _NO_FFMPEG,
        "enable_file_urls": False,
        "js_runtimes": _JS_RUNTIMES,
        "updatetime": False,
        "overwrites": False,
        "continuedl": True,
        "skip_unavailable_fragments": False,
        "hls_use_mpegts": False,
        "retries": settings.retries,
        "fragment_retries": settings.retries,
        "file_access_retries": 0,
        "extractor_retries": 1,
        "retry_sleep_functions": {"http": wait_s, "fragment": wait_s, "extractor": wait_s},
        "sleep_interval_requests": settings.request_sleep_s,
        "socket_timeout": settings.timeout_s,
        "ratelimit": int(settings.max_mib_per_s * 1024 * 1024) if settings.max_mib_per_s else None,
    }
