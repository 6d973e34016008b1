"""A mail's texts from its templates: ``mail/NAME.txt``, whose first line is the subject, and ``mail/NAME.html``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.template import Context
from django.template.loader import get_template, render_to_string

from hopkey.server.config import current

SUBJECT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Rendered:
    """``secrets``: what must not be shown of the texts, in a log for instance."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def masked(self) -> str:
        """The text without its secrets."""
        text = self.text
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "[hidden]")
        return text


def render(template: str, context: Mapping[str, Any], *, secrets: tuple[str, ...] = ()) -> Rendered:
    """`secrets` names the values of `context` that are secret."""
    given = {"server": current().base_url, **context}
    plain = get_template(f"mail/{template}.txt").template.render(_plain(given))  # type: ignore[attr-defined]
    subject, _, text = plain.strip().partition("\n")
    subject = one_line(subject)
    html = render_to_string(f"mail/{template}.html", {**given, "subject": subject})
    return Rendered(
        subject, text.strip() + "\n", html, tuple(str(context[name]) for name in secrets if context.get(name))
    )


def one_line(text: str) -> str:
    """As a subject: one line of printable characters."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())[:SUBJECT_LENGTH]


def _plain(values: Mapping[str, Any]) -> Context:
    return Context(dict(values), autoescape=False)
