"""Opening connections: to a host, through TLS, with every failure in plain words."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hopkey.runner.transport import TransportError

if TYPE_CHECKING:
    import ssl


def connected(host: str, port: int, moment: float, context: Callable[[], ssl.SSLContext] | None) -> Any:
    """A socket, through TLS where there is a `context`, until `moment` (`time.monotonic`). Raises `TransportError`."""
    try:
        plain = _opened(host, port, moment)
    except socket.gaierror:
        raise TransportError(f"the host name {host} could not be resolved", "connect") from None
    except UnicodeError:
        raise TransportError(f"{host!r} is no name of a host") from None
    except TimeoutError:
        raise TransportError(LATE, "connect") from None
    except ConnectionRefusedError:
        raise TransportError(f"connection refused by {host}", "connect") from None
    except OSError as error:
        raise TransportError(f"no connection to {host}: {error.strerror or error}", "connect") from None
    with contextlib.suppress(OSError):
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is None:
        return plain
    plain.settimeout(max(0.001, moment - time.monotonic()))
    return _secured(plain, host, context)


def _opened(host: str, port: int, moment: float) -> socket.socket:
    """To the first address of the host that answers; the time is shared, so that a dead one leaves some for the rest.

    Raises `OSError`.
    """
    places = socket.getaddrinfo(_plain_name(host), port, 0, socket.SOCK_STREAM)
    for index, (family, kind, protocol, _, place) in enumerate(places):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(max(0.001, (moment - time.monotonic()) / (len(places) - index)))
            plain.connect(place)
        except OSError:
            plain.close()
            if index == len(places) - 1:
                raise
        except BaseException:  # an interruption
            plain.close()
            raise
        else:
            return plain
    raise OSError("it has no address")


def _plain_name(host: str) -> Any:
    """As bytes: of a text, the standard library would load its rules of international names to encode it."""
    return host.encode("ascii") if host.isascii() else host


def _secured(plain: socket.socket, host: str, context: Callable[[], ssl.SSLContext]) -> ssl.SSLSocket:
    import ssl  # loaded by the context anyway

    try:
        return context().wrap_socket(plain, server_hostname=host)
    except TimeoutError:
        plain.close()
        raise TransportError(LATE, "connect") from None
    except ssl.SSLError as error:
        plain.close()
        cause = getattr(error, "verify_message", None) or error.reason or error
        raise TransportError(f"the TLS connection failed: {cause}", "tls") from None
    except OSError as error:
        plain.close()
        raise broken(error) from None
    except ValueError as error:  # a host that cannot stand in a certificate
        plain.close()
        raise TransportError(f"the TLS connection failed: {error}", "tls") from None


LATE = "the server did not answer in time"


def broken(cause: BaseException) -> TransportError:
    """Why a connection that stood brought no answer."""
    if isinstance(cause, TimeoutError):
        return TransportError(LATE, "time")
    if isinstance(cause, OSError):
        return TransportError("the server broke off the connection", "broken")
    return TransportError(str(cause) or type(cause).__name__)
