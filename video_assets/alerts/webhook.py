"""Messages to a webhook: a few tries within seconds, then an error. The address is a secret: it is in no message and no log.

Belongs here: one POST. Does not belong here: what is said (`alerts.messages`), when (`defs.alerts`).
"""

import json
import time
import urllib.error
import urllib.request
from http.client import HTTPException

from video_assets.core.errors import MendableError
from video_assets.core.json_values import JsonObject

_HEADERS = {"Content-Type": "application/json"}
_TRIES = 3
_TIMEOUT_S = 5.0


class WebhookError(MendableError):
    """The receiver did not take the message; says why, without the address."""


def post_json(url: str, payload: JsonObject, *, tries: int = _TRIES, timeout_s: float = _TIMEOUT_S) -> None:
    """Deliver `payload`; at most `tries * (timeout_s + 2)` seconds.

    Raises:
        WebhookError: it was not taken.
    """
    if not url.startswith(("http://", "https://")):
        raise WebhookError("the webhook's address does not begin with http:// or https://")
    why = ""
    for attempt in range(tries):
        time.sleep(min(2.0, attempt))
        try:
            request = urllib.request.Request(url, json.dumps(payload).encode(), _HEADERS)  # noqa: S310 - checked above
            with urllib.request.urlopen(request, timeout=timeout_s):  # noqa: S310 - as above
                return
        except urllib.error.HTTPError as error:
            why = f"it answered {error.code}"
            error.close()
            if error.code < 500 and error.code != 429:
                break
        except (OSError, HTTPException, ValueError) as error:
            # The words of some of these repeat the address.
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            why = type(reason).__name__
    raise WebhookError(f"the webhook did not take the message: {why}")
