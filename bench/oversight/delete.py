"""Deletes 10,000 tokens at once on the database of the settings while a server answers the gate; prints JSON.

What is wanted: one transaction, effective at once, and a gate that goes on answering meanwhile.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import urllib3

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.servers import HOPKEY, free_port  # noqa: E402

from hopkey.server import preparing  # noqa: E402
from hopkey.server.config import Config  # noqa: E402

COUNT = 10_000


def main() -> int:
    preparing.prepare(Config.load(os.environ, {}))
    from hopkey.server.accounts.models import User
    from hopkey.server.audit.actor import OPERATOR
    from hopkey.server.tokens.models import Token
    from hopkey.server.tokens.services import token_generate_for, tokens_delete

    owner = User.objects.filter(is_active=True).order_by("-pk")[0]
    kept, gone = (token_generate_for(owner=owner, label=label, days=7, by=OPERATOR) for label in ("kept", "gone"))
    ids = [*list(Token.objects.order_by("pk").values_list("pk", flat=True)[: COUNT - 1]), gone.token.pk]
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/access-tokens/collection/nothing"
    server = subprocess.Popen([*HOPKEY, "serve", "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        http = urllib3.PoolManager(retries=False, timeout=30)
        _wait(http, f"http://127.0.0.1:{port}/healthz")
        waits: list[float] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                begun = time.perf_counter()
                answer = http.request("GET", url, headers={"Authorization": f"Bearer {kept.text}"})
                waits.append(time.perf_counter() - begun)
                assert answer.status == 404, answer.status  # good, and nothing of this id
                time.sleep(0.002)

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(2)
        before = len(waits)
        assert http.request("GET", url, headers={"Authorization": f"Bearer {gone.text}"}).status == 404
        begun = time.perf_counter()
        deleted = tokens_delete(token_ids=ids, by=OPERATOR, reason="a bench")
        took = time.perf_counter() - begun
        refused = http.request("GET", url, headers={"Authorization": f"Bearer {gone.text}"}).status
        stop.set()
        asking.join()
        during = sorted(waits[before:])
        result = {
            "deleted": len(deleted),
            "seconds": round(took, 2),
            "refused at once": refused == 401,
            "gate meanwhile, requests": len(during),
            "gate p50, ms": round(statistics.median(during) * 1000, 1),
            "gate p99, ms": round(during[int(len(during) * 0.99)] * 1000, 1),
            "gate longest, ms": round(during[-1] * 1000, 1),
            "resident memory of the server's processes, MB": _memory(server.pid),
        }
        print(json.dumps(result))
    finally:
        server.terminate()
        server.wait(60)
    return 0


def _wait(http: urllib3.PoolManager, url: str) -> None:
    for _ in range(600):
        try:
            if http.request("GET", url).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)
    raise SystemExit("the server did not answer")


def _memory(parent: int) -> list[int]:
    """Of the process and all below it."""
    found, todo = [], [parent]
    while todo:
        pid = todo.pop()
        status = Path(f"/proc/{pid}/status").read_text()
        found.append(int(status.split("VmRSS:")[1].split()[0]) // 1024)
        todo += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


if __name__ == "__main__":
    sys.exit(main())
