"""Marking answers that take long to make, so that the bridge makes them outside of the threads of the pages.

Exports, and pages that read everything there is: `hopkey.server.bridge` sends them while they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.http import HttpRequest, StreamingHttpResponse

KEY = "hopkey.long_work"
"""In the WSGI environment of a request."""


def streamed(
    request: HttpRequest, pieces: Iterable[str], *, content_type: str, headers: Mapping[str, str] | None = None
) -> StreamingHttpResponse:
    """An answer from `pieces`, which are asked for one after another when the view has returned, in another thread:
    they must hold no transaction open between two of them.
    """
    request.META[KEY] = True
    return StreamingHttpResponse(pieces, content_type=content_type, headers=headers)
