"""Addresses as they go over the wire (RFC 3986): what may not stand in them is encoded, dots in the path resolved."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

_IN_PATH = "/%:@!$&'()*+,;=~-._"
_IN_QUERY = "=&%?/:@!$()*+,;~"


def normal(url: str) -> str:
    """`url` without its fragment, ready to be sent. Raises `ValueError` for what is no address."""
    parts = urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else ascii_host(parts.netloc)
    return urlunsplit((parts.scheme, host, path_of(parts.path), quote(parts.query, safe=_IN_QUERY + "'"), ""))


def path_of(path: str) -> str:
    path = quote(path.replace("\\", "/") or "/", safe=_IN_PATH)
    return _without_dots(path) if "/." in path else path


def query_of(query: str) -> str:
    """What is written in an address. Brackets and bars, which browsers leave, are encoded: some servers refuse them."""
    return quote(query, safe=_IN_QUERY)


def ascii_host(netloc: str) -> str:
    """Host and port in the letters that name servers know. Raises `UnicodeError`."""
    login, at, place = netloc.rpartition("@")
    host, colon, port = place.partition(":")
    return f"{login}{at}{host.encode('idna').decode('ascii')}{colon}{port}"


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4."""
    steps: list[str] = []
    parts = path.split("/")[1:]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part in (".", ".."):
            if part == ".." and steps:
                steps.pop()
            if last:
                steps.append("")
        else:
            steps.append(part)
    return "/" + "/".join(steps)
