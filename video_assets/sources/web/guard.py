"""Connections to the open web only: no address from a stranger's table, and no redirect, leads into a private network.

Belongs here: which addresses may be connected to, checked at the moment of connecting, on the address itself (a name that
resolves to something else a second later gains nothing). Does not belong here: requests (`sources.web.client`).
"""

import http.client
import ipaddress
import socket
import urllib.request
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SCHEMES = ("http", "https")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefusedError(Exception):
    """An address that is not http(s), or leads into a private network. No OSError: nobody shall take it for a fault to retry."""


def is_public(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """True for addresses of the open internet, and for those in `allowed`; what is wrapped in an IPv6 address counts."""
    if any(address in network for network in allowed):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(wrapped, allowed)
    return address.is_global and not address.is_multicast


def check_url(url: str, allowed: Sequence[Network] = ()) -> None:
    """Nothing when the URL may be asked for, as far as it can be told before its name is resolved.

    Raises:
        AddressRefusedError: another scheme than http(s), no host, or a private address.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in SCHEMES or not parts.hostname:
        raise AddressRefusedError(f"{parts.scheme or 'no scheme'}: only http and https addresses are followed")
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return
    if not is_public(address, allowed):
        raise AddressRefusedError(f"{address} is in a private network (miradata.allowed_networks lets it in)")


def connect(
    address: tuple[str, int], timeout: Any = None, source_address: Any = None, *, allowed: Sequence[Network] = ()
) -> socket.socket:
    """Like `socket.create_connection`, to public addresses only.

    Raises:
        AddressRefusedError: the name resolves to private addresses only.
        OSError: no connection.
    """
    host, port = address
    found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    targets = [entry for entry in found if is_public(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]), allowed)]
    if not targets:
        raise AddressRefusedError(f"{host} is {found[0][4][0]}, in a private network (miradata.allowed_networks lets it in)")
    trouble: OSError | None = None
    for family, kind, protocol, _, target in targets:
        sock = socket.socket(family, kind, protocol)
        try:
            if isinstance(timeout, int | float):  # else it is http.client's sign for "none given"
                sock.settimeout(timeout)
            if source_address:
                sock.bind(source_address)
            sock.connect(target)
        except OSError as error:
            sock.close()
            trouble = error
        else:
            return sock
    raise trouble or OSError(f"{host}: no address")


class GuardedHandler(urllib.request.AbstractHTTPHandler):
    """Opens http and https connections for urllib, guarded; refuses ftp. Comes before the handlers that are there already."""

    handler_order = 300

    def __init__(self, *, context: Any, allowed: Sequence[Network], source_address: str | None = None) -> None:
        super().__init__()
        self._context, self._allowed, self._source_address = context, allowed, source_address

    def http_open(self, request: urllib.request.Request) -> Any:
        """Connect to a server, or to the proxy that the user has set, which may be anywhere."""
        return self._open(http.client.HTTPConnection, request)

    def https_open(self, request: urllib.request.Request) -> Any:
        """See `http_open`."""
        return self._open(http.client.HTTPSConnection, request, context=self._context)

    def ftp_open(self, request: urllib.request.Request) -> Any:
        """Redirects may name ftp.

        Raises:
            AddressRefusedError: always.
        """
        raise AddressRefusedError(f"{request.type}: only http and https addresses are followed")

    def _open(self, kind: type[http.client.HTTPConnection], request: urllib.request.Request, **options: Any) -> Any:
        check_url(request.full_url, self._allowed)
        if request.has_header("Ytdl-socks-proxy"):
            return None  # yt-dlp's own handler goes through the SOCKS proxy, which resolves the name itself
        is_proxied = request.has_proxy() or getattr(request, "_tunnel_host", None) is not None
        opener = socket.create_connection if is_proxied else partial(connect, allowed=self._allowed)

        def connection(*args: Any, **kwargs: Any) -> http.client.HTTPConnection:
            made = kind(*args, **kwargs)
            if self._source_address is not None:
                made.source_address = (self._source_address, 0)  # type: ignore[attr-defined]
            made._create_connection = opener  # type: ignore[attr-defined]  # noqa: SLF001 - http.client's hook for this
            return made

        return self.do_open(connection, request, **options)  # type: ignore[arg-type]
