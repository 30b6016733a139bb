"""Ways into the web: proxies, source addresses and accounts, of which a user may have several; each is used in turn.

Belongs here: which there are, settings for one of them, words without their secrets. Does not belong here: which one a site still
answers (`sources.web.pause_file`), connections (`sources.web.client`).
"""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from video_assets.core.json_values import JsonObject
from video_assets.settings.sources import MiraData

_HIDDEN = "***"


def n_ways(settings: MiraData) -> int:
    """How many there are; one when nothing is set."""
    return max(1, len(settings.proxies), len(settings.source_addresses), len(settings.cookies))


def one_way(settings: MiraData, number: int) -> MiraData:
    """The settings with one proxy, one source address and one account at most.

    Shorter lists begin again: with as many cookies files as proxies, each account is seen from one address only.
    """
    lists = {name: getattr(settings, name) for name in ("proxies", "source_addresses", "cookies")}
    return settings.model_copy(update={name: values and (values[number % len(values)],) for name, values in lists.items()})


def for_worker(settings: MiraData) -> JsonObject:
    """The settings as JSON for a process of our own, secrets included: never for a file or a log."""
    return {**settings.model_dump(mode="json"), "proxies": [proxy.get_secret_value() for proxy in settings.proxies]}


def hiding(settings: MiraData) -> Callable[[str], str]:
    """A function that takes proxies, with their names and passwords, and cookies files out of words."""
    secrets = {str(path) for path in settings.cookies}
    for proxy in settings.proxies:
        url = proxy.get_secret_value()
        parts = urlsplit(url)
        told = (url, parts.netloc, parts.username, parts.password, unquote(parts.password or ""))
        secrets |= {text for text in told if text and len(text) > 3}
    in_order = sorted(secrets, key=len, reverse=True)

    def hide(words: str) -> str:
        for secret in in_order:
            words = words.replace(secret, _HIDDEN)
        return words

    return hide
