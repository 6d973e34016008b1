"""Every address that Django answers. The gate's are in `hopkey.server.gate.plane`."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("v1/access-tokens/", include("hopkey.server.api.urls")),
    path("", include("hopkey.server.web.urls")),
]
