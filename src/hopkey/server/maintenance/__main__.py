"""The process that `hopkey serve` starts beside those that serve: ``python -m hopkey.server.maintenance PARENT``."""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from hopkey.server.maintenance.runner import run_for_ever

    run_for_ever(int(sys.argv[1]))


main()
