"""Starting the page: port, token, the address to open.

Belongs here: the server as a program. Does not belong here: its answers (`look.server`).
"""

import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

import uvicorn

from video_assets.core.errors import MendableError
from video_assets.look.security import access_of, is_loopback
from video_assets.look.server import application
from video_assets.settings.model import Settings
from video_assets.storage.layout import Layout

_WAIT_S = 3


class PortError(MendableError):
    """The address cannot be used; the message says which and what to do."""


@dataclass(frozen=True)
class Place:
    """Where the page is served. Where others reach it, `token` opens it."""

    host: str
    port: int
    token: str

    @property
    def url(self) -> str:
        """What to open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")


def place_of(host: str, port: int, *, token: str | None = None) -> Place:
    """The place; a token is made up where one is needed and none is given."""
    needed = "" if is_loopback(host) else token or secrets.token_urlsafe(24)
    return Place(host, port, needed)


def serve(
    layout: Layout, load_settings: Callable[[], Settings], place: Place, *, can_edit: bool, say: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        PortError: the port is taken, or the address is not of this machine.
    """
    access = access_of(place.host, place.token, url=load_settings().look.url)
    app = application(layout, load_settings, access, can_edit=can_edit)
    with _listening(place) as listener:
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_WAIT_S
        )
        open_at = replace(place, port=listener.getsockname()[1])
        say(f"look at the clips: {open_at.url}  (Ctrl-C stops it)")
        uvicorn.Server(config).run(sockets=[listener])


def _listening(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place.host, place.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortError(f"{place.host}:{place.port} cannot be used ({error.strerror}): choose another with --port") from error
    return listener
