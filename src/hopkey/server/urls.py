"""Every address that Django answers. The gate's are in `hopkey.server.gate.plane`."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("v1/access-tokens/", include("hopkey.server.api.urls")),
    # For clients whose server address already ends with /v1.
    path("v1/v1/access-tokens/", include(("hopkey.server.api.urls", "api"), namespace="api_v1")),
    path("v1/infra/", include("hopkey.server.api.infra.urls")),
    path("v1/v1/infra/", include("hopkey.server.api.infra.urls")),
    path("v1/", include("hopkey.server.api.v1")),
    path("scim/v2/", include("hopkey.server.scim.urls")),
    path("console", include("hopkey.server.console.urls")),
    path("", include("hopkey.server.web.urls")),
]

handler404 = "hopkey.server.ui.errors.not_found"
