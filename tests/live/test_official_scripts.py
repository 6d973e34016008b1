"""The recorded answers are still those of the official runner."""

from __future__ import annotations

import pytest

from tests.official import cases
from tests.support.needs import official_cli


@pytest.mark.parametrize("group", cases.GROUPS)
def test_the_official_runner_still_says_what_was_recorded(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = official_cli()
    monkeypatch.setenv("NO_COLOR", "1")
    with cases.answering() as address:
        assert cases.official(group, address, command) == cases.recorded(group)
