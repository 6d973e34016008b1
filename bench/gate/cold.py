"""Median time of a cold verification, in microseconds: the gate answers for tokens that it has never seen.

    python bench/gate/cold.py COLLECTION_ID < TOKENS

One token a line. The collection is in the cache, the tokens are not; the pages of the database are in memory.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import time
from typing import Any

from hopkey.server.application import gate_make
from hopkey.server.config import Config
from hopkey.server.gate.plane import Gate


async def main(collection: str, tokens: list[str]) -> None:
    config = Config.load(os.environ)
    random.seed(1)
    random.shuffle(tokens)
    await times_of(gate_make(config), collection, tokens)
    print(statistics.median(await times_of(gate_make(config), collection, tokens)) * 1e6)


async def times_of(gate: Gate, collection: str, tokens: list[str]) -> list[float]:
    """Seconds of each first verification, after a few that bring the collection into the cache."""
    times = []
    for token in tokens:
        start = time.perf_counter()
        status = await ask(gate, collection, token)
        times.append(time.perf_counter() - start)
        assert status == 200, status
    await gate.close()
    return times[20:]


async def ask(gate: Gate, collection: str, token: str) -> int:
    status = 0

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "headers": headers, "client": ("127.0.0.1", 1)}
    await gate(scope, send, "collection", collection)
    return status


asyncio.run(main(sys.argv[1], sys.stdin.read().split()))
