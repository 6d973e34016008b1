"""``python -m hopkey.cli``."""

from hopkey.cli.main import script

script()
