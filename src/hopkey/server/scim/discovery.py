"""What this service is and speaks (RFC 7644, 4)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from scim2_models import Context, Meta, Resource

from hopkey.server.scim.guard import Wrong, answer, method_of
from hopkey.server.scim.resources import PROVIDER
from hopkey.server.scim.wire import all_answer, base_of, speaking


@speaking
def service_provider_config(request: HttpRequest) -> HttpResponse:
    method_of(request, "GET")
    found = _placed(PROVIDER.config, "ServiceProviderConfig", f"{base_of(request)}/ServiceProviderConfig")
    return answer(found.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))


@speaking
def resource_types(request: HttpRequest) -> HttpResponse:
    _unfiltered(request)
    return all_answer(list(_resource_types(request).values()))


@speaking
def resource_type(request: HttpRequest, name: str) -> HttpResponse:
    return _one(request, _resource_types(request), name)


@speaking
def schemas(request: HttpRequest) -> HttpResponse:
    _unfiltered(request)
    return all_answer(list(_schemas(request).values()))


@speaking
def schema(request: HttpRequest, urn: str) -> HttpResponse:
    return _one(request, _schemas(request), urn)


def not_here(request: HttpRequest) -> HttpResponse:
    """Parts of the protocol that this server leaves out: a token is nobody's Me, and Bulk is not announced."""
    raise Wrong("This part of SCIM is not implemented here.", status=501)


def nothing(request: HttpRequest, rest: str) -> HttpResponse:
    raise Wrong("There is no such resource.", status=404)


def _unfiltered(request: HttpRequest) -> None:
    method_of(request, "GET")
    if "filter" in request.GET:
        raise Wrong("Discovery cannot be filtered (RFC 7644, 4).", status=403)


def _one(request: HttpRequest, found: dict[str, Resource[Any]], key: str) -> HttpResponse:
    method_of(request, "GET")
    if key not in found:
        raise Wrong("There is no such resource.", status=404)
    return answer(found[key].model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))


def _resource_types(request: HttpRequest) -> dict[str, Resource[Any]]:
    base = base_of(request)
    return {
        str(item.name): _placed(item, "ResourceType", f"{base}/ResourceTypes/{item.name}")
        for item in PROVIDER.resource_types
    }


def _schemas(request: HttpRequest) -> dict[str, Resource[Any]]:
    base = base_of(request)
    return {str(item.id): _placed(item, "Schema", f"{base}/Schemas/{item.id}") for item in PROVIDER.schemas}


def _placed(resource: Resource[Any] | None, kind: str, location: str) -> Resource[Any]:
    """A copy that says where it is: what is shared between requests stays as it is."""
    assert resource is not None
    return resource.model_copy(update={"meta": Meta(resource_type=kind, location=location)})
