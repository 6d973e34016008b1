"""Every address that Django answers. The gate's are in `hopkey.server.gate.plane`."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("v1/access-tokens/", include("hopkey.server.api.urls")),
    # For clients whose server address already ends with /v1.
    path("v1/v1/access-tokens/", include(("hopkey.server.api.urls", "api"), namespace="api_v1")),
    path("console", include("hopkey.server.console.urls")),
    path("", include("hopkey.server.web.urls")),
]

handler404 = "hopkey.server.ui.errors.not_found"
