"""Installing the triggers that write the change log."""

from __future__ import annotations

from typing import Any


def install_after_migrate(**_: Any) -> None:
    """Handler of Django's ``post_migrate``: idempotent."""
