"""The variables of a run: who stands above whom, and what a name means in a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hopkey.formats.model import Environment, RequestVariable, Variable
from hopkey.formats.predefined import predefined
from hopkey.formats.templates import render

Entry = dict[str, Any]
"""A variable as scripts see it: ``key``, ``initialValue``, ``currentValue``, ``secret``."""


def environment_entries(environment: Environment | None, outside: Mapping[str, str]) -> list[Entry]:
    """The variables of the run's environment.

    A secret without a current value takes that of the operating system's variable of the same name (`outside`),
    else its initial value.
    """
    entries = []
    for variable in environment.variables if environment else ():
        current = variable.current_value
        if variable.secret and not current:
            current = outside.get(variable.key, "")
        entries.append(_entry(variable, current))
    return entries


def overridden(entries: list[Entry], values: Mapping[str, str]) -> list[Entry]:
    """`entries` with the given values in place of their own, new ones behind them. Empty values do not count."""
    left = {key: value for key, value in values.items() if value != ""}
    result = [
        {**entry, "initialValue": left[entry["key"]], "currentValue": left[entry["key"]]}
        if entry["key"] in left
        else entry
        for entry in entries
    ]
    known = {entry["key"] for entry in entries}
    new = [
        {"key": key, "initialValue": value, "currentValue": value, "secret": False}
        for key, value in left.items()
        if key not in known
    ]
    return [*result, *new]


def value_of(entry: Entry) -> str:
    """The current value, or where that is empty the initial one."""
    return str(entry.get("currentValue") or entry.get("initialValue") or "")


def collection_entries(scopes: Sequence[Sequence[Variable]]) -> list[Entry]:
    """Variables of the collection and its folders, outermost first: an inner one replaces an outer one of its name.

    Of several with one name in the same place, the first counts.
    """
    found: dict[str, Entry] = {}
    for variables in scopes:
        found |= {item.key: _entry(item, item.current_value) for item in reversed(variables) if item.key.strip()}
    return list(found.values())


class Overlay:
    """What scripts changed in the variables of a collection; it lasts as long as the iteration."""

    def __init__(self) -> None:
        self._changes: dict[str, Entry | None] = {}

    def apply(self, entries: list[Entry]) -> list[Entry]:
        """`entries` as scripts have left them."""
        if not self._changes:
            return entries
        kept = [entry for entry in entries if entry["key"] not in self._changes]
        return [*kept, *(entry for entry in self._changes.values() if entry is not None)]

    def record(self, before: Sequence[Entry], after: Sequence[Entry]) -> None:
        """Remember the differences that a script made."""
        old = {entry["key"]: value_of(entry) for entry in before}
        new = {entry["key"]: entry for entry in after}
        for key, entry in new.items():
            if key not in old or old[key] != value_of(entry):
                self._changes[key] = dict(entry)
        self._changes |= dict.fromkeys(old.keys() - new.keys())


class Scope:
    """What names mean for one request.

    Request variables stand above collection variables, these above the environment, that above the globals; the
    predefined ``$`` variables above all. Of several with one name in the same place, the first counts; a request
    variable without a value does not.
    """

    def __init__(
        self,
        *,
        request: Sequence[RequestVariable],
        collection: Sequence[Entry],
        selected: Sequence[Entry],
        global_: Sequence[Entry],
    ) -> None:
        values = {item.key: item.value for item in reversed(request) if item.active and item.key and item.value}
        for entry in (*collection, *selected, *global_):
            values.setdefault(entry["key"], value_of(entry))
        self._values = values

    def lookup(self, name: str) -> str | None:
        made = predefined(name) if name.startswith("$") else None
        return made if made is not None else self._values.get(name)

    def render(self, text: str, *, strict: bool = False) -> str:
        """`text` with its templates filled in. Raises `TemplateLoop` and, where `strict`, `UnknownVariable`."""
        return render(text, self.lookup, strict=strict)


def _entry(variable: Variable, current: str) -> Entry:
    return {
        "key": variable.key,
        "initialValue": variable.initial_value,
        "currentValue": current,
        "secret": variable.secret,
    }
