"""Times and counts every line of `paths` on the database of the settings; prints JSON. Started by ``run.py``."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from hopkey.server import preparing  # noqa: E402
from hopkey.server.config import Config  # noqa: E402

ROUNDS = 12
SLOW_SECONDS = 2.0
BROWSER = {"HTTP_HOST": "localhost", "HTTP_SEC_FETCH_SITE": "same-origin"}


def main() -> int:
    preparing.prepare(Config.load(os.environ, {}))
    logging.disable(logging.CRITICAL)
    from bench.oversight import paths  # only now: it imports models
    from django.db import connection
    from django.template import TemplateDoesNotExist
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    from hopkey.server.accounts.models import User
    from hopkey.server.audit.actor import OPERATOR
    from hopkey.server.figures.services import figures_take
    from hopkey.server.tokens.policies import policy_check, policy_set

    started = time.perf_counter()
    figures_take(now=timezone.now())
    result: dict[str, Any] = {"figures_take": time.perf_counter() - started, "lines": {}}
    at = paths.places_find()
    # A policy that stops next to nothing: lists must judge every token by each of its rules, and find none.
    policy_set(policy=policy_check({"unused_days": 1500, "tokens_per_user": 1000}), by=OPERATOR)
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    clients = {}
    for who in (at.administrator, at.team_owner):
        clients[who] = Client(**BROWSER)  # type: ignore[arg-type]
        clients[who].force_login(
            User.objects.get(pk=who), backend="allauth.account.auth_backends.AuthenticationBackend"
        )

    for name, method, address, body in paths.lines(at):
        if only and only not in name:
            continue
        client = clients[at.team_owner if "workspaces" in address else at.administrator]

        def ask() -> float:
            begun = time.perf_counter()
            answer = client.generic(method, address, json.dumps(body) if body else "", content_type="application/json")  # noqa: B023
            took = time.perf_counter() - begun
            if answer.status_code == 404 and name.startswith("page"):  # noqa: B023
                raise TemplateDoesNotExist(name)  # noqa: B023
            assert answer.status_code == 200, (name, answer.status_code, answer.content[:300])  # noqa: B023
            return took

        try:
            first = ask()
        except TemplateDoesNotExist:
            continue
        times = [ask() for _ in range(ROUNDS if first < SLOW_SECONDS else 1)]
        with CaptureQueriesContext(connection) as seen:
            ask()
        result["lines"][name] = {"ms": min(times) * 1000, "queries": len(seen)}
        if only:
            for query in sorted(seen.captured_queries, key=lambda query: -float(query["time"]))[:3]:
                print(query["time"], query["sql"][:1500], file=sys.stderr)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
