"""Where a person came from."""

from __future__ import annotations

from django.http import HttpRequest


def back_of(request: HttpRequest) -> str:
    """The page of ours this request came from, else the start page."""
    referer = request.headers.get("Referer", "")
    own = f"{request.scheme}://{request.get_host()}/"
    return referer if referer.startswith(own) else "/"
