"""Between requests and the models of SCIM."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from pydantic import ValidationError
from scim2_models import Context, Error, ListResponse, Resource, ResponseParameters, SCIMException, SearchRequest

from hopkey.server.config import current
from hopkey.server.scim.filters import LENGTH, Attributes, query_of
from hopkey.server.scim.guard import Wrong, answer, body_of
from hopkey.server.scim.resources import MAX_RESULTS, PROVIDER

_ASKED = ("filter", "startIndex", "count", "attributes", "excludedAttributes")
"""Sorting is not supported, and what is not supported is left alone (RFC 7644, 3.4.2.3)."""

R = TypeVar("R", bound=Resource[Any])
M = TypeVar("M", bound=Model)


def speaking(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view that runs under our provider; what the models refuse becomes SCIM's error."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, **names: str) -> HttpResponse:
        try:
            with PROVIDER:
                return view(request, **names)
        except ValidationError as error:
            raise _wrong(Error.from_validation_errors(error.errors(include_url=False))[0]) from None
        except SCIMException as error:
            raise _wrong(error.to_error()) from None
        except RecursionError:
            raise Wrong("Nested too deeply.", scim_type="invalidSyntax") from None

    return wrapped


def base_of(request: HttpRequest) -> str:
    """The address of SCIM on this server."""
    return (current().public_url.rstrip("/") or f"{request.scheme}://{request.get_host()}") + "/scim/v2"


def resource_read(request: HttpRequest, model: type[R], context: Context) -> R:
    """The resource that was sent. Raises `Wrong`, and what the models raise."""
    return model.model_validate(body_of(request), scim_ctx=context)


def resource_answer(request: HttpRequest, resource: Resource[Any], context: Context, status: int = 200) -> HttpResponse:
    """A resource, with the attributes that were asked for."""
    chosen = parameters_of(request, type(resource))
    value = resource.model_dump(scim_ctx=context, response_parameters=chosen)
    location = resource.meta.location if resource.meta else None
    headers = {"Location": location} if status == 201 and location else {}
    return answer(value, status, **headers)


def list_answer(
    request: HttpRequest,
    model: type[R],
    rows: QuerySet[M],
    attributes: Attributes,
    shape: Callable[[list[M], ResponseParameters[R]], list[R]],
) -> HttpResponse:
    """A page of those that the filter chooses: asked for in the address or, with POST, in the body (RFC 7644, 3.4)."""
    asked = _search(model, body_of(request) if request.method == "POST" else request.GET.dict())
    found = rows.filter(query_of(asked.filter, attributes)) if asked.filter else rows
    total, start = found.count(), asked.start_index_0 or 0
    count = MAX_RESULTS if asked.count is None else min(asked.count, MAX_RESULTS)
    page = shape(list(found[start : start + count]), asked) if count and start < total else []
    response = ListResponse[model](  # type: ignore[valid-type]
        total_results=total, start_index=start + 1, items_per_page=len(page), resources=page
    )
    value = response.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked)
    value.setdefault("Resources", [])
    return answer(value)


def all_answer(resources: list[Resource[Any]]) -> HttpResponse:
    """Everything there is of a kind, for discovery."""
    values = [item.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE) for item in resources]
    return answer(
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": len(values),
            "startIndex": 1,
            "itemsPerPage": len(values),
            "Resources": values,
        }
    )


def members_wanted(asked: ResponseParameters[Any]) -> bool:
    """Whether the answer is to list the members of groups: Entra leaves them out, and they may be many."""
    excluded = {str(item).lower() for item in asked.excluded_attributes or ()}
    included = {str(item).lower().rpartition(":")[2].partition(".")[0] for item in asked.attributes or ()}
    return "members" not in excluded and (not included or "members" in included)


def _search(model: type[R], sent: Mapping[str, Any]) -> SearchRequest[R]:
    if len(str(sent.get("filter", ""))) > LENGTH:
        raise Wrong(f"A filter has at most {LENGTH} characters.", scim_type="invalidFilter")
    for name in ("startIndex", "count"):
        digits = str(sent.get(name) or "0").removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
            raise Wrong(f"{name} is a whole number.", scim_type="invalidValue")
    asked = {name: sent[name] for name in _ASKED if sent.get(name) not in (None, "")}
    found: SearchRequest[R] = SearchRequest[model].model_validate(asked)  # type: ignore[valid-type]
    return found


def parameters_of(request: HttpRequest, model: type[Resource[Any]]) -> ResponseParameters[Any]:
    """Which attributes the address asks for."""
    asked = {name: request.GET[name] for name in ("attributes", "excludedAttributes") if request.GET.get(name)}
    chosen: ResponseParameters[Any] = ResponseParameters[model].model_validate(asked)  # type: ignore[valid-type]
    return chosen


def _wrong(error: Error) -> Wrong:
    return Wrong(
        str(error.detail or "This request is not valid.")[:500],
        status=error.status or 400,
        scim_type=error.scim_type or "",
    )
