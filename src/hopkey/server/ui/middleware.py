"""Headers that every page carries, and what no page has to think of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)"


class SecurityHeadersMiddleware:
    """Strict Content-Security-Policy, and no caching of pages that a session made."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


_OF_PROGRAMS = ("/v1/", "/scim/")
"""Addresses that answer in JSON, and look for NUL themselves."""


class NoNulMiddleware:
    """Refuses the character NUL in addresses and forms: no text of ours has it, and PostgreSQL stores none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        if request.path_info.startswith(_OF_PROGRAMS):
            return
        if "\0" in request.path_info:
            raise Http404
        for _name, values in (*request.GET.lists(), *request.POST.lists()):
            if any("\0" in str(value) for value in values):
                raise BadRequest("a field with the character NUL")
