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


def value_of(entry: Entry) -> str:
    """The current value, or where that is empty the initial one."""
    return str(entry.get("currentValue") or entry.get("initialValue") or "")


class Scope:
    """What names mean for one request.

    Request variables stand above collection variables (the innermost folder first), these above the environment, that
    above the globals; the predefined ``$`` variables above all.
    """

    def __init__(
        self,
        *,
        request: Sequence[RequestVariable],
        collections: Sequence[Sequence[Variable]],
        selected: Sequence[Entry],
        global_: Sequence[Entry],
    ) -> None:
        values: dict[str, str] = {}
        for entry in (*global_, *selected):
            values[entry["key"]] = value_of(entry)
        for variables in collections:  # outermost first: inner ones override
            for variable in variables:
                values[variable.key] = variable.current_value or variable.initial_value
        for item in request:
            if item.active and item.key:
                values[item.key] = item.value
        self._values = values

    def lookup(self, name: str) -> str | None:
        made = predefined(name) if name.startswith("$") else None
        return made if made is not None else self._values.get(name)

    def render(self, text: str) -> str:
        """`text` with its templates filled in. Raises `hopkey.formats.templates.TemplateLoop`."""
        return render(text, self.lookup)


def _entry(variable: Variable, current: str) -> Entry:
    return {
        "key": variable.key,
        "initialValue": variable.initial_value,
        "currentValue": current,
        "secret": variable.secret,
    }
