"""A served site per database, shared by the tests of a module, each of which makes what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import samples
from tests.support.servers import Running, Site, site


@dataclass
class World:
    """Ana owns the team, Ben views it, Eve is in none; one collection with a folder, and an environment."""

    site: Site
    server: Running
    team: str
    collection: str
    environment: str


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("site")
    with site(folder, request.param) as made:
        yield make_world(made)


def make_world(made: Site) -> World:
    made.user("ana@example.com", "--administrator")
    made.user("ben@example.com")
    made.user("eve@example.com")
    team = made.team("Orders", "ana@example.com")
    made.admin("team", "add-member", "--team", team, "--email", "ben@example.com", "--role", "viewer")
    inner = samples.collection("Inner", samples.request("Deep"))
    collection = made.collection(team, samples.collection("Outer", samples.request("Top"), folders=[inner]))
    environment = made.environment(team, samples.environment("Staging", baseUrl="http://127.0.0.1:1"))
    return World(
        made, made.serve(HOPKEY_FAILED_TOKEN_LIMIT="0", HOPKEY_SIGNUP="invitation"), team, collection, environment
    )
