"""The head of the change log, as a process has applied it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """``seq`` orders all changes; ``nonce``, drawn anew with each, tells two histories of the same length apart."""

    seq: int
    nonce: str


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the log."""

    seq: int
    kind: str
    key: str
    nonce: str


@dataclass(frozen=True, slots=True)
class News:
    """What a look at the log brought: the head, and the changes from the one applied last (included) to it.

    ``unsettled``: the head carries the mark of a batch that never ended, so nothing may be believed.
    """

    head: Head
    changes: Sequence[Change]
    unsettled: bool = False


def steps_from(applied: Head | None, news: News) -> Sequence[Change] | None:
    """The changes to apply to go from `applied` to the head of `news`; None: drop everything instead.

    Everything goes when nothing was applied yet, when the head went back, when the log no longer holds what was
    applied last, and when it holds it with another nonce: history is not the one this process knows.
    """
    if applied is None or news.unsettled or news.head.seq < applied.seq:
        return None
    if news.head == applied:
        return ()
    changes = news.changes
    if not changes or changes[0].seq != applied.seq or changes[0].nonce != applied.nonce:
        return None
    if changes[-1].seq != news.head.seq or changes[-1].nonce != news.head.nonce:
        return None
    if len(changes) != news.head.seq - applied.seq + 1:
        return None
    return changes[1:]
