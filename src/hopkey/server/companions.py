"""Processes that `hopkey serve` runs beside those that serve: started again when they die, ended when it ends."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

_LOG = logging.getLogger("hopkey.serve")
_SHORTEST, _LONGEST = 0.2, 30.0
_GRACE_SECONDS = 20.0
_BACKLOG = 1024


@contextmanager
def companion(module: str, *arguments: str, descriptors: Sequence[int] = ()) -> Iterator[None]:
    """``python -m MODULE ARGUMENTS``, as long as the block runs. The settings are in its environment.

    Its standard input is a pipe that ends with this process, and with those that were forked from it after the start.
    """
    keeper = _Keeper([sys.executable, "-m", module, *arguments], module, descriptors)
    keeper.start()
    try:
        yield
    finally:
        keeper.stop()


@contextmanager
def pages(processes: int) -> Iterator[Path]:
    """Processes for the pages, all on one local socket; its path.

    The socket is there at once: requests wait in it until somebody accepts them. Its directory is this user's only.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hopkey-")))
        path = folder / "pages"
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        number = listener.fileno()
        for _ in range(processes):
            stack.enter_context(companion("hopkey.server.pages", str(number), descriptors=(number,)))
        yield path


class _Keeper:
    def __init__(self, command: Sequence[str], name: str, descriptors: Sequence[int]) -> None:
        self._command, self._name, self._descriptors = command, name, descriptors
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        self._process = self._spawn()
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        process = self._process
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(_GRACE_SECONDS)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = self._command
        return subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=self._descriptors)  # noqa: S603 - ours

    def _keep(self) -> None:
        pause = _SHORTEST
        while (process := self._process) is not None:
            code = process.wait()
            if self._ending.wait(pause):
                return
            _LOG.warning("%s ended (%d): starting it again", self._name, code)
            pause = min(pause * 2, _LONGEST)
            self._process = self._spawn()
            if self._ending.is_set() and self._process.stdin is not None:
                self._process.stdin.close()
