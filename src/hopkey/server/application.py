"""The one ASGI application of a serving process: the gate in the event loop, everything else passed on to the pages."""

from __future__ import annotations

import asyncio
import gc
import logging
import logging.config
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from hopkey.server.bridge import Bridge
from hopkey.server.config import Config, current
from hopkey.server.gate.plane import Gate, Receive, Scope, Send, resource_of
from hopkey.server.gate.recorder import Recorder
from hopkey.server.gate.store import Store
from hopkey.server.gate.store_postgresql import PostgresqlStore
from hopkey.server.gate.store_sqlite import SqliteStore
from hopkey.server.gate.writers import postgresql_writer, sqlite_writer
from hopkey.server.health.answer import health
from hopkey.server.logs import logging_settings

_LOOK_SECONDS = 1.0
LONG_WORK_GRACE_SECONDS = 5.0

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def create(pages: str, parent: int) -> Application:
    """The application of this process, from the settings in its environment; `pages` is the socket of the pages,
    `parent` the process that starts those that serve.
    """
    config = current()
    logging.config.dictConfig(logging_settings(config))
    # What was there before the fork stays: the collector, which stops the gate, need not look at it again.
    gc.collect()
    gc.freeze()
    return Process(config, pages, parent)


class Process:
    """Dispatches by path. The gate is opened in the event loop at the first request, after any fork."""

    def __init__(self, config: Config, pages: str, parent: int) -> None:
        self._config = config
        self._parent = parent
        self._bridge = Bridge(
            pages,
            body_limit=config.upload_limit_mb * 1024 * 1024 + 64 * 1024,
            trusted_proxies=config.trusted_proxies,
        )
        self._gate: Gate | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            found = resource_of(path)
            if found is not None:
                await (self._gate or self._gate_open())(scope, send, *found)
            elif path == "/healthz":
                await health(scope, send)
            else:
                await self._bridge(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    def _gate_open(self) -> Gate:
        if self._gate is None:
            self._gate = gate_make(self._config)
        return self._gate

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        watching: asyncio.Task[None] | None = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._gate_open()
                watching = asyncio.create_task(_follow_parent(self._parent))
                long_work_ends_with_the_process(self._bridge)
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if watching is not None:
                    watching.cancel()
                if self._gate is not None:
                    await self._gate.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _follow_parent(parent: int) -> None:
    """End as by SIGTERM when the process that started this one is gone: a port held by an orphan cannot be served."""
    while os.getppid() == parent:
        await asyncio.sleep(_LOOK_SECONDS)
    signal.raise_signal(signal.SIGTERM)


def long_work_ends_with_the_process(bridge: Bridge) -> None:
    """Break long work off `LONG_WORK_GRACE_SECONDS` after the process was told to stop: the server waits for requests
    under way before anything else is put in order, and would be killed before an export of many minutes ended.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)
        if not callable(previous):
            continue

        def stop(number: int, frame: Any, previous: Callable[[int, Any], Any] = previous) -> None:
            timer = threading.Timer(LONG_WORK_GRACE_SECONDS, loop.call_soon_threadsafe, [bridge.long_work_stop])
            timer.daemon = True
            timer.start()
            previous(number, frame)

        signal.signal(number, stop)


def gate_make(config: Config) -> Gate:
    """The gate on the configured database."""
    store: Store
    if config.uses_postgresql:
        store = PostgresqlStore(config.database_url)
        return Gate(config, store, Recorder(postgresql_writer(config.database_url)))
    store = SqliteStore(config.sqlite_path)
    return Gate(config, store, Recorder(sqlite_writer(config.sqlite_path)))
