"""`hopkey serve`: one command that serves everything on one port."""

from __future__ import annotations

import argparse
import functools
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

from hopkey.server.commands.options import add_settings, config_from, settings_epilog
from hopkey.server.config import Config, ConfigError


def parser() -> argparse.ArgumentParser:
    """The arguments, for running the command and for its documentation."""
    result = argparse.ArgumentParser(
        prog="hopkey serve",
        description="Serve the workspace, its pages and the gate for tokens on one port. Without any setting: SQLite "
        "in the data directory, on http://127.0.0.1:8080.",
        epilog=settings_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_settings(result)
    return result


def main(argv: list[str]) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code. Requests in flight are finished."""
    arguments = parser().parse_args(argv)
    try:
        config = config_from(arguments)
        _port_free(config)
        return serve(config)
    except ConfigError as error:
        print(f"hopkey serve: {error}", file=sys.stderr)
        return 2


def serve(config: Config) -> int:
    """Prepare and serve. Raises `ConfigError`."""
    from hopkey.server import companions, preparing

    preparing.prepare(config)
    with preparing.serving_lock(config):
        preparing.migrate(config)
        link = _setup_link()
        from granian import Granian
        from granian.constants import HTTPModes, Interfaces

        from hopkey.server.application import create

        server = Granian(
            "hopkey.server.application:create",
            interface=Interfaces.ASGI,
            address=config.host,
            port=config.port,
            workers=config.workers,
            http=HTTPModes.http1,
            websockets=False,
            backlog=1024,
            log_enabled=config.log_level == "debug",
            respawn_failed_workers=True,
            workers_kill_timeout=30,
        )
        with companions.pages(config.workers) as pages, companions.companion("hopkey.server.maintenance"):
            threading.Thread(target=_announce, args=(config, link), daemon=True).start()
            server.serve(target_loader=functools.partial(create, str(pages), os.getpid()), wrap_loader=False)
    return 0


def _setup_link() -> str | None:
    from django.db import connection

    from hopkey.server.accounts.links import setup_link_issue

    link = setup_link_issue()
    connection.close()
    return link


def _announce(config: Config, link: str | None) -> None:
    """Say where it listens as soon as it answers, and how to set it up if nobody has an account."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)  # noqa: S104
    url = f"http://[{host}]:{config.port}/sign-in" if ":" in host else f"http://{host}:{config.port}/sign-in"
    for _ in range(1200):
        try:
            with urllib.request.urlopen(url, timeout=30):  # noqa: S310 - our own address
                break
        except urllib.error.HTTPError as error:
            if error.code != 503:
                break
            time.sleep(0.05)
        except OSError:
            time.sleep(0.05)
    print(f"Hopkey listens on {config.base_url}", flush=True)
    if link is not None:
        print(f"Nobody has an account yet. Create the first administrator (works once): {link}", flush=True)


def _port_free(config: Config) -> None:
    """Raises `ConfigError` where the port is taken: better now than after the migrations."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {config.host}:{config.port}: {error.strerror or error}. Choose another --host or --port."
        ) from None
