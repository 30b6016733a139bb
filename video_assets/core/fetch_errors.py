"""Why something could not be fetched from a hub: one class per remedy; each message names the thing and says what to do.

Belongs here: the kinds, and whether a later try can help. Does not belong here: how they are recognized
(`sources.hub.translation`), what a single clip's ledger line says (`sources.fetching.fetches`).
"""

from typing import ClassVar

from video_assets.core.errors import MendableError


class FetchError(MendableError):
    """A listing or a file could not be fetched.

    `needs_person`: no later try helps until somebody changes something.
    """

    needs_person: ClassVar[bool] = False


class NetworkError(FetchError):
    """Connections broke or stalled, or the server failed (5xx), on every attempt."""


class UnreachableError(FetchError):
    """No connection at all: no network, wrong proxy, wrong endpoint, or the hub is down."""


class RateLimitedError(FetchError):
    """The hub answered 429; `wait_s` is how long it asked to wait, in seconds, when it said so."""

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class ChecksumError(FetchError):
    """The bytes that arrived are not those of the listing."""


class OtherFileError(ChecksumError):
    """The server announces another file than the listing has: a mirror that is behind, or wrong."""

    needs_person = True


class OfflineError(FetchError):
    """The user has forbidden the network (HF_HUB_OFFLINE)."""

    needs_person = True


class GatedError(FetchError):
    """The token is missing, wrong, or its owner has not been granted access."""

    needs_person = True


class NotOnHubError(FetchError):
    """No such repository, revision or file."""

    needs_person = True


class WebPageError(FetchError):
    """A web page came where a file was expected: a portal that wants a login, a proxy's error page, a wrong mirror."""

    needs_person = True


class NoRangesError(FetchError):
    """The server sends whole files only; parts of archives cannot be read from it."""

    needs_person = True


class NoSpaceError(FetchError):
    """The disk has not enough room."""

    needs_person = True


class IncompleteSetError(FetchError):
    """Pieces of an archive are missing on the hub."""

    needs_person = True
