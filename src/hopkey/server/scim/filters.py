"""SCIM filters (RFC 7644, 3.4.2.2) as conditions of the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from hopkey.server.nul import UNFIT, holds_unfit
from hopkey.server.provisioning.models import GroupMember, ProvisionedAddress

LENGTH = 2000
"""Characters of a filter."""

NOTHING = Q(pk__in=[])
_TEXT = {
    CompareOperator.co: "icontains",
    CompareOperator.sw: "istartswith",
    CompareOperator.ew: "iendswith",
}
_TIME = {
    CompareOperator.eq: "exact",
    CompareOperator.gt: "gt",
    CompareOperator.ge: "gte",
    CompareOperator.lt: "lt",
    CompareOperator.le: "lte",
}

Condition = Callable[[CompareOperator, Any], Q]
"""What an attribute compared in this way to a value (None for `Present`'s opposite) means."""


def text(lookup: str, *, exact: bool = False, lower: bool = False) -> Condition:
    """A text; ``exact``: letters of either case differ; ``lower``: stored in lower case."""

    def condition(op: CompareOperator, value: Any) -> Q:
        if value is None or value == "":
            blank = Q(**{lookup: ""}) | Q(**{f"{lookup}__isnull": True})
            return blank if op is CompareOperator.eq else ~blank if op is CompareOperator.ne else _refused(op)
        if holds_unfit(value):  # written as an escape: nothing stored is like it
            raise InvalidFilterException(detail=UNFIT)
        if op in (CompareOperator.eq, CompareOperator.ne):
            equal = Q(**({lookup: value.lower()} if lower else {lookup if exact else f"{lookup}__iexact": value}))
            return equal if op is CompareOperator.eq else ~equal
        return Q(**{f"{lookup}__{_TEXT[op]}": value}) if op in _TEXT else _refused(op)

    return condition


def flag(lookup: str) -> Condition:
    def condition(op: CompareOperator, value: Any) -> Q:
        if op not in (CompareOperator.eq, CompareOperator.ne):
            return _refused(op)
        wanted = value in (True, "true", "True")
        return Q(**{lookup: wanted if op is CompareOperator.eq else not wanted})

    return condition


def moment(lookup: str) -> Condition:
    def condition(op: CompareOperator, value: Any) -> Q:
        if not isinstance(value, datetime) or (op not in _TIME and op is not CompareOperator.ne):
            return _refused(op)
        if op is CompareOperator.ne:
            return ~Q(**{lookup: value})
        return Q(**{f"{lookup}__{_TIME[op]}": value})

    return condition


def constant(actual: str | bool) -> Condition:
    """An attribute that has this value for everybody."""

    def condition(op: CompareOperator, value: Any) -> Q:
        equal = str(actual).lower() == str(value).lower()
        if op not in (CompareOperator.eq, CompareOperator.ne):
            return _refused(op)
        return Q() if equal == (op is CompareOperator.eq) else NOTHING

    return condition


@dataclass(frozen=True, slots=True)
class Values:
    """A multi-valued attribute: how a condition on one of its values becomes one of the resource."""

    any_of: Callable[[Callable[[Mapping[str, Condition]], Q]], Q]


Attributes = Mapping[str, Condition | Values]


def query_of(chosen: ScimFilter[Any], attributes: Attributes) -> Q:
    """The condition of a filter. Raises `InvalidFilterException` for what cannot be asked here."""
    return _Query(chosen, attributes).visit(chosen.ast)


class _Query(FilterVisitor[Q]):
    def __init__(self, chosen: ScimFilter[Any], attributes: Attributes) -> None:
        self._chosen, self._attributes = chosen, attributes

    def visit_comparison(self, node: Comparison) -> Q:
        value = self._value(node)
        found, sub = self._find(node.attr_path)
        if not isinstance(found, Values):
            return found(node.op, value)
        name = sub or "value"
        if node.op is CompareOperator.ne:  # "not any of them is", rather than "any of them is not"
            return ~found.any_of(lambda columns: _column(columns, name, node.attr_path)(CompareOperator.eq, value))
        return found.any_of(lambda columns: _column(columns, name, node.attr_path)(node.op, value))

    def visit_present(self, node: Present) -> Q:
        found, sub = self._find(node.attr_path)
        if not isinstance(found, Values):
            return found(CompareOperator.ne, None)
        return found.any_of(lambda columns: _column(columns, sub or "value", node.attr_path)(CompareOperator.ne, None))

    def visit_not(self, node: Not) -> Q:
        return ~self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> Q:
        result = self.visit(node.terms[0])
        for term in node.terms[1:]:
            result = result & self.visit(term) if node.op is LogicalOperator.and_ else result | self.visit(term)
        return result

    def visit_value_path(self, node: ValuePath) -> Q:
        found, _ = self._find(node.attr_path)
        if not isinstance(found, Values):
            raise InvalidFilterException(detail=f"{node.attr_path} has one value only.")
        return found.any_of(lambda columns: _Value(columns).visit(node.val_filter))

    def _value(self, node: Comparison) -> Any:
        binding = self._chosen.resolve_comparison(node.attr_path)
        value = node.value
        if binding is not None and binding.field_name == "meta" and isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                raise InvalidFilterException(detail=f"{value!r} is no moment.") from None
            if moment.tzinfo is None:
                raise InvalidFilterException(detail="A moment needs its time zone.")
            return moment
        return value

    def _find(self, path: AttrPath) -> tuple[Condition | Values, str]:
        """The attribute, and the name of the part of its values that is asked for."""
        head, sub = path.attr.lower(), (path.sub_attr or "").lower()
        for name in (f"{head}.{sub}" if sub else head, head):
            found = self._attributes.get(name)
            if found is not None and (name != head or not sub or isinstance(found, Values)):
                return found, sub
        raise InvalidFilterException(detail=f"This server does not filter by {path}.")


class _Value(FilterVisitor[Q]):
    """A condition on one value of a multi-valued attribute."""

    def __init__(self, columns: Mapping[str, Condition]) -> None:
        self._columns = columns

    def visit_comparison(self, node: Comparison) -> Q:
        return _column(self._columns, node.attr_path.attr, node.attr_path)(node.op, node.value)

    def visit_present(self, node: Present) -> Q:
        return _column(self._columns, node.attr_path.attr, node.attr_path)(CompareOperator.ne, None)

    def visit_not(self, node: Not) -> Q:
        return ~self.visit(node.expr)

    def visit_logical_expr(self, node: LogicalExpr) -> Q:
        result = self.visit(node.terms[0])
        for term in node.terms[1:]:
            result = result & self.visit(term) if node.op is LogicalOperator.and_ else result | self.visit(term)
        return result

    def visit_value_path(self, node: ValuePath) -> Q:
        raise InvalidFilterException(detail="A selection cannot stand in another one.")


def _column(columns: Mapping[str, Condition], name: str, path: AttrPath | FilterNode) -> Condition:
    found = columns.get(name.lower())
    if found is None:
        raise InvalidFilterException(detail=f"This server does not filter by {path}.")
    return found


def _refused(op: CompareOperator) -> Q:
    raise InvalidFilterException(detail=f"This attribute cannot be compared with {op.value}.")


def _emails(condition: Callable[[Mapping[str, Condition]], Q]) -> Q:
    """The addresses the provider listed; of somebody it does not know yet, the one of the account."""
    listed = ProvisionedAddress.objects.filter(person=OuterRef("pk"))
    known = Q(provisioned__isnull=False)
    own = {"value": text("email", lower=True), "type": constant("work"), "primary": constant(True)}
    stored = {"value": text("value"), "type": text("kind"), "primary": flag("primary")}
    return Q(Exists(listed.filter(condition(stored)))) | (~known & condition(own))


def _groups(condition: Callable[[Mapping[str, Condition]], Q]) -> Q:
    columns = {"value": text("group_id", exact=True), "display": text("group__display_name")}
    return Q(Exists(GroupMember.objects.filter(condition(columns), user=OuterRef("pk"))))


def _members(condition: Callable[[Mapping[str, Condition]], Q]) -> Q:
    columns = {"value": text("user_id", exact=True)}
    return Q(Exists(GroupMember.objects.filter(condition(columns), group=OuterRef("pk"))))


USER: Attributes = {
    "id": text("pk", exact=True),
    "username": text("email", lower=True),
    "externalid": text("provisioned__external_id", exact=True),
    "displayname": text("shown_name"),
    "name.givenname": text("provisioned__given_name"),
    "name.familyname": text("provisioned__family_name"),
    "name.formatted": text("formatted_name"),
    "active": flag("is_active"),
    "meta.created": moment("created_at"),
    "meta.lastmodified": moment("modified_at"),
    "emails": Values(_emails),
    "groups": Values(_groups),
}
GROUP: Attributes = {
    "id": text("pk", exact=True),
    "externalid": text("external_id", exact=True),
    "displayname": text("display_name"),
    "meta.created": moment("created_at"),
    "meta.lastmodified": moment("changed_at"),
    "members": Values(_members),
}
