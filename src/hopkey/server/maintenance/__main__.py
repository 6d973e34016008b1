"""The process that `hopkey serve` starts beside those that serve: ``python -m hopkey.server.maintenance``."""

from __future__ import annotations

import os

import django


def main() -> None:
    os.nice(10)  # nobody waits for it
    django.setup()
    from hopkey.server.maintenance.runner import run_for_ever

    run_for_ever()


main()
