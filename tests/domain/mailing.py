"""What the tests of mail share: a mail server for all of them, and settings that name it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hopkey.server import config
from tests.support.smtp import Smtp, smtp_server


@contextlib.contextmanager
def settings(**environ: str) -> Iterator[None]:
    """These environment variables are the settings meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environ.items():
            patch.setenv(name, text)
        config.current.cache_clear()
        yield
    config.current.cache_clear()


@pytest.fixture(scope="session")
def one_smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smtp]:
    folder: Path = tmp_path_factory.mktemp("smtp")
    with smtp_server(folder) as made:
        yield made


@pytest.fixture
def smtp(one_smtp: Smtp) -> Iterator[Smtp]:
    """A mail server, named by the settings."""
    one_smtp.clear()
    with settings(HOPKEY_SMTP_URL=one_smtp.url, HOPKEY_MAIL_FROM="Hopkey <hopkey@mail.test>"):
        yield one_smtp
