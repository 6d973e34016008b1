"""Addresses of SCIM, below ``/scim/v2/``. Who may enter is judged before anything of SCIM is loaded."""

from __future__ import annotations

import importlib

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from hopkey.server.scim.guard import View, guarded


def _resource(name: str) -> View:
    """The view ``module.function`` of this package, loaded when it is needed."""
    module, _, function = name.partition(".")

    def view(request: HttpRequest, **names: str) -> HttpResponse:
        def answer() -> HttpResponse:
            views = importlib.import_module(f"hopkey.server.scim.{module}")
            result: HttpResponse = getattr(views, function)(request, **names)
            return result

        return guarded(request, answer)

    return csrf_exempt(view)


urlpatterns = [
    path("ServiceProviderConfig", _resource("discovery.service_provider_config")),
    path("ResourceTypes", _resource("discovery.resource_types")),
    path("ResourceTypes/<str:name>", _resource("discovery.resource_type")),
    path("Schemas", _resource("discovery.schemas")),
    path("Schemas/<str:urn>", _resource("discovery.schema")),
    path("Users", _resource("users.collection")),
    path("Users/.search", _resource("users.search")),
    path("Users/<str:user_id>", _resource("users.one")),
    path("Groups", _resource("groups.collection")),
    path("Groups/.search", _resource("groups.search")),
    path("Groups/<str:group_id>", _resource("groups.one")),
    path("Me", _resource("discovery.not_here")),
    path("Bulk", _resource("discovery.not_here")),
    path(".search", _resource("discovery.not_here")),
    path("<path:rest>", _resource("discovery.nothing")),
]
