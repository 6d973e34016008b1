"""The process that `hopkey serve` starts for the pages: ``python -m hopkey.server.pages DESCRIPTOR``.

Its standard input is a pipe that those it serves hold open: when the last of them is gone, it ends. It does not end by
a signal: where one goes to all processes of a service at once, requests under way need it for a while.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading

from hopkey.server.config import current
from hopkey.server.pages.worker import Worker

_NICE = 5
"""Where the processor does not suffice for both, the gate goes first."""


def main() -> None:
    os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from django.core.wsgi import get_wsgi_application
    from django.urls import get_resolver

    wsgi = get_wsgi_application()
    get_resolver().url_patterns  # noqa: B018 - every view is loaded before the first request
    # What is there now stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        worker = Worker(wsgi, listener, threads=current().threads)

        def watch() -> None:
            while os.read(0, 1):
                pass
            worker.stop.set()

        threading.Thread(target=watch, name="watch", daemon=True).start()
        worker.run()


main()
