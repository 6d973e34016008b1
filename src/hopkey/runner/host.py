"""What scripts of a run reach beyond themselves: requests through the run's own connections, and its cookies."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from hopkey.formats.predefined import predefined
from hopkey.runner.building import Outgoing
from hopkey.runner.cookies import CookieJar
from hopkey.runner.sandbox import FetchRequest, FetchResponse
from hopkey.runner.sending import Sender


class RunHost:
    """Implements `hopkey.runner.sandbox.Host`. ``jar`` is that of the iteration under way."""

    def __init__(self, sender: Sender, *, imports: bool) -> None:
        self._sender = sender
        self._imports = imports
        self.jar = CookieJar()

    def predefined(self, name: str) -> str | None:
        return predefined(name)

    def fetch(self, request: FetchRequest, seconds: float) -> FetchResponse:
        """Raises `OSError`."""
        try:
            parts = urlsplit(request.url)
        except ValueError:
            raise OSError("Invalid URL") from None
        scheme = parts.scheme
        if not scheme or (scheme in ("http", "https") and not parts.hostname):
            raise OSError("Invalid URL")
        if scheme not in ("http", "https"):
            raise OSError(f"Unsupported protocol {scheme}:")
        if not request.method.isascii() or not request.method.replace("-", "").isalnum():
            raise OSError(f"{request.method!r} is no HTTP method")
        outgoing = Outgoing(request.method, request.url, tuple(request.headers), request.body, follow=request.follow)
        answer = self._sender.send(outgoing, self.jar, seconds)
        return FetchResponse(answer.status, answer.reason, answer.headers, answer.body, answer.url)

    def module(self, url: str, seconds: float) -> FetchResponse:
        """Raises `OSError`."""
        if not self._imports:
            raise OSError("imports are switched off (--no-imports)")
        return self.fetch(FetchRequest("GET", url), seconds)

    def cookies(self, operation: str, place: str, argument: Any) -> Any:
        """Raises `ValueError`."""
        match operation:
            case "all":
                return self.jar.all(place)
            case "set":
                self.jar.set(place, argument)
            case "delete":
                self.jar.delete(place, str(argument))
            case "clear":
                self.jar.clear(place)
        return None
