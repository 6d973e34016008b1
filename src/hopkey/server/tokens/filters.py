"""Which tokens a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from hopkey.server.errors import DomainError
from hopkey.server.tokens.format import public_id_in, token_in


class State(StrEnum):
    """What a list of tokens is narrowed to."""

    ANY = "any"
    LIVE = "live"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    UNUSED = "unused"
    NEVER_USED = "never_used"
    NEVER_EXPIRES = "never_expires"
    OWNER_INACTIVE = "owner_inactive"
    OVER_POLICY = "over_policy"


class Sort(StrEnum):
    """What a list is ordered by; with a leading ``-`` the other way round."""

    NEWEST = "-created"
    OLDEST = "created"
    EXPIRES_FIRST = "expires"
    EXPIRES_LAST = "-expires"
    IDLE_FIRST = "used"
    IDLE_LAST = "-used"

    @property
    def column(self) -> str:
        return self.value.lstrip("-")

    @property
    def descending(self) -> bool:
        return self.value.startswith("-")


_NATURAL = {
    State.EXPIRING: Sort.EXPIRES_FIRST,
    State.EXPIRED: Sort.EXPIRES_LAST,
    State.UNUSED: Sort.IDLE_FIRST,
    State.OVER_POLICY: Sort.NEWEST,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tokens, in which order. ``owner``: id or e-mail address; ``team``: id; ``text``: part of a label or of an
    owner's name or address, a public id, or a whole token, which is found by its digest and kept nowhere.
    """

    state: State = State.ANY
    sort: Sort = Sort.NEWEST
    owner: str = ""
    team: str = ""
    text: str = ""

    def settled(self) -> Filter:
        """With the order its state imposes: tokens about to expire come by expiry, and so on."""
        natural = _NATURAL.get(self.state)
        if natural is None or self.sort.column == natural.column:
            return self
        return replace(self, sort=natural)


def filter_read(values: Mapping[str, str]) -> Filter:
    """A filter from texts. Raises `DomainError` (``filter_invalid``) that names what is wrong.

    A token pasted into any field, alone or within a line such as ``Authorization: Bearer hkp_...``, becomes the text.
    """
    try:
        state = State(values.get("state") or "any")
    except ValueError:
        raise DomainError("filter_invalid", f"state is one of {', '.join(State)}.", field="state") from None
    try:
        sort = Sort(values.get("sort") or "-created")
    except ValueError:
        raise DomainError("filter_invalid", f"sort is one of {', '.join(Sort)}.", field="sort") from None
    texts = {name: (values.get(name) or "").replace("\0", "").strip()[:4000] for name in ("owner", "team", "text")}
    pasted = next(filter(None, map(token_in, texts.values())), "")
    # Where there is not the whole of a token, or one with an error in it, what is left of the secret goes no further.
    texts = {name: "" if token_in(given) else public_id_in(given)[:254] for name, given in texts.items()}
    texts["text"] = pasted or texts["text"]
    return Filter(state, sort, **texts).settled()


def filter_values(chosen: Filter) -> dict[str, str]:
    """What differs from the plain list, for addresses, forms and the audit trail: nothing of a token's secret."""
    values = {
        "state": chosen.state.value if chosen.state is not State.ANY else "",
        "sort": chosen.sort.value if chosen.sort is not Filter(chosen.state).settled().sort else "",
        "owner": chosen.owner,
        "team": chosen.team,
        "text": public_id_in(chosen.text),
    }
    return {name: value for name, value in values.items() if value}
