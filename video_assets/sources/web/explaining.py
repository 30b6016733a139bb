"""What yt-dlp and the network raise, as faults with reasons, in words without secrets.

Belongs here: exceptions to faults. Does not belong here: what words and statuses mean (`sources.web.rules.faults`).
"""

import contextlib
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import YoutubeDLError

from video_assets.sources.web.guard import AddressRefusedError
from video_assets.sources.web.rules.faults import Fault, classify, plain_words, status_in

_MAX_CAUSES = 8


class WebFaultError(Exception):
    """A web video cannot be had: `fault` says why."""

    def __init__(self, reason: str, detail: str, *, http_status: int | None = None, wait_s: float | None = None) -> None:
        super().__init__(detail)
        self.fault = Fault(reason, detail, http_status, wait_s)


@contextlib.contextmanager
def explained(hide: Callable[[str], str]) -> Iterator[None]:
    """What yt-dlp and the network raise, as `WebFaultError` without secrets: the exception behind it may hold some."""
    try:
        yield
    except (YoutubeDLError, AddressRefusedError, TimeoutError, ConnectionError) as error:
        raise without_secrets(fault_of(error), hide) from None


def without_secrets(error: WebFaultError, hide: Callable[[str], str]) -> WebFaultError:
    """The same fault in words that `hide` has gone over."""
    fault = error.fault
    return WebFaultError(fault.reason, hide(fault.detail), http_status=fault.http_status, wait_s=fault.wait_s)


def fault_of(error: BaseException) -> WebFaultError:
    """The fault that an exception of yt-dlp, or of what is behind it, stands for."""
    chain = list(_causes(error))
    known = next((cause for cause in chain if isinstance(cause, WebFaultError)), None)
    if known is not None:
        return known
    words = plain_words(str(error)) or type(error).__name__
    if refused := next((cause for cause in chain if isinstance(cause, AddressRefusedError)), None):
        return WebFaultError("address_refused", str(refused))
    answer = next((cause for cause in chain if isinstance(cause, HTTPError)), None)
    if answer is not None and 300 <= answer.status < 400:
        return _of_redirect(answer)
    status = answer.status if answer is not None else status_in(words)
    kinds = {base.__name__ for cause in chain for base in type(cause).__mro__}
    reason = classify(words, kinds=kinds, http_status=status)
    return WebFaultError(reason, words, http_status=status, wait_s=_asked_wait_s(answer))


def _of_redirect(answer: HTTPError) -> WebFaultError:
    """A redirect that was not followed: asking again leads nowhere else."""
    if answer.redirect_loop:
        return WebFaultError("redirect_loop", str(answer), http_status=answer.status)
    target = answer.response.headers.get("Location", "")
    scheme = urlsplit(target).scheme or "no address"
    return WebFaultError("address_refused", f"it redirects to {scheme}: only http and https addresses are followed")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what led to it, in the ways in which yt-dlp keeps that."""
    queue, seen = [error], 0
    while queue and seen < _MAX_CAUSES:
        current = queue.pop(0)
        seen += 1
        yield current
        behind = [getattr(current, "cause", None), current.__cause__, current.__context__]
        exc_info = getattr(current, "exc_info", None)
        behind.append(exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else None)
        queue += [cause for cause in dict.fromkeys(behind) if isinstance(cause, BaseException)]


def _asked_wait_s(answer: HTTPError | None) -> float | None:
    asked = answer.response.headers.get("Retry-After", "") if answer is not None else ""
    return float(asked) if asked.isdigit() else None
