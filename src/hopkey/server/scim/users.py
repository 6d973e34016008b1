"""``/scim/v2/Users``."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from scim2_models import Context, Meta, PatchOp, Reference

from hopkey.server.accounts.models import User as Account
from hopkey.server.audit.actor import Actor
from hopkey.server.automation.judging import Access
from hopkey.server.provisioning.models import GroupMember, Provisioned
from hopkey.server.provisioning.people import Address, PersonState, person_change, person_provide, person_withdraw
from hopkey.server.provisioning.selectors import people_in_view, person_in_view
from hopkey.server.scim.dialects import patch_normalise
from hopkey.server.scim.filters import USER
from hopkey.server.scim.guard import answer, body_of, holder_of, method_of
from hopkey.server.scim.resources import Email, Group, Name, PersonGroup, User
from hopkey.server.scim.wire import base_of, list_answer, resource_answer, resource_read, speaking


@speaking
def collection(request: HttpRequest) -> HttpResponse:
    if method_of(request, "GET", "POST") == "GET":
        return _list(request)
    sent = resource_read(request, User, Context.RESOURCE_CREATION_REQUEST)
    made = person_provide(state=_state(sent), by=_actor(request))
    return resource_answer(request, _get(request, made.pk), Context.RESOURCE_CREATION_RESPONSE, 201)


@speaking
def search(request: HttpRequest) -> HttpResponse:
    method_of(request, "POST")
    return _list(request)


@speaking
def one(request: HttpRequest, user_id: str) -> HttpResponse:
    method = method_of(request, "GET", "PUT", "PATCH", "DELETE")
    account = person_in_view(user_id)
    if method == "GET":
        return resource_answer(request, _get(request, user_id), Context.RESOURCE_QUERY_RESPONSE)
    if method == "DELETE":
        person_withdraw(user=account, by=_actor(request))
        return answer(None, 204)
    before = _get(request, user_id)
    if method == "PUT":
        wanted = resource_read(request, User, Context.RESOURCE_REPLACEMENT_REQUEST)
        wanted.replace(before)
    else:
        operations = PatchOp[User].model_validate(
            patch_normalise(body_of(request)), scim_ctx=Context.RESOURCE_PATCH_REQUEST
        )
        wanted = before.model_copy(deep=True)
        operations.patch(wanted)
    person_change(
        user=account,
        state=_state(wanted),
        by=_actor(request),
        may_rename_administrators=holder_of(request).token.access == Access.FULL,
    )
    context = Context.RESOURCE_REPLACEMENT_RESPONSE if method == "PUT" else Context.RESOURCE_PATCH_RESPONSE
    return resource_answer(request, _get(request, user_id), context)


def _list(request: HttpRequest) -> HttpResponse:
    base = base_of(request)
    return list_answer(request, User, _people(), USER, lambda page, _: [_resource(item, base) for item in page])


def _people() -> QuerySet[Account]:
    members = GroupMember.objects.select_related("group").order_by("group__display_name")
    people = people_in_view().annotate(
        modified_at=Coalesce("provisioned__changed_at", "created_at"),
        shown_name=Coalesce("provisioned__display_name", "name"),
        formatted_name=Coalesce("provisioned__formatted", "name"),
    )
    return people.prefetch_related(Prefetch("groups", members), "provisioned__addresses").order_by("pk")


def _get(request: HttpRequest, user_id: str) -> User:
    return _resource(_people().get(pk=user_id), base_of(request))


def _resource(account: Account, base: str) -> User:
    said: Provisioned | None = getattr(account, "provisioned", None)
    if said is None:  # made by hand, and not yet known to the provider
        emails = [Email(value=account.email, type="work", primary=True)]
        name, shown = Name(formatted=account.name), account.name
    else:
        emails = [
            Email(value=item.value, type=item.kind or None, primary=item.primary) for item in said.addresses.all()
        ]
        name = Name(
            formatted=said.formatted or None, family_name=said.family_name or None, given_name=said.given_name or None
        )
        shown = said.display_name
    return User(
        id=account.pk,
        external_id=(said.external_id if said else "") or None,
        user_name=account.email,
        name=name if name.formatted or name.family_name or name.given_name else None,
        display_name=shown or None,
        active=account.is_active,
        emails=emails or None,
        groups=[
            PersonGroup(
                value=item.group_id,
                ref=Reference[Group](f"{base}/Groups/{item.group_id}"),
                display=item.group.display_name,
            )
            for item in account.groups.all()
        ]
        or None,
        meta=Meta(
            resource_type="User",
            created=account.created_at,
            last_modified=account.modified_at,  # type: ignore[attr-defined]
            location=f"{base}/Users/{account.pk}",
        ),
    )


def _state(sent: User) -> PersonState:
    name = sent.name or Name()
    emails = [item for item in sent.emails or () if item.value]
    return PersonState(
        email=(sent.user_name or "").strip(),
        display_name=sent.display_name or "",
        given_name=name.given_name or "",
        family_name=name.family_name or "",
        formatted=name.formatted or "",
        external_id=sent.external_id or "",
        active=sent.active,
        addresses=tuple(Address(item.value or "", item.type or "", item.primary) for item in emails),
    )


def _actor(request: HttpRequest) -> Actor:
    return holder_of(request).actor(
        address=request.META.get("REMOTE_ADDR", ""), agent=request.headers.get("User-Agent", "")
    )
