"""Ctrl-C while the main thread is in machine code: a script, or a wait of another library.

Python's own handler of a signal runs between two of its instructions, which may be a script's time limit away. The
number of the signal, though, is written to a socket at once (`signal.set_wakeup_fd`), and a thread reads it there.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_interrupt(call: Callable[[], None]) -> Iterator[None]:
    """Have `call` called, in a thread of its own, as soon as SIGINT arrives. `KeyboardInterrupt` follows as ever.

    Does nothing outside the main thread, and where SIGINT means something else than to end.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def listen() -> None:
        while numbers := ours.recv(64):
            if signal.SIGINT in numbers:
                call()

    thread = threading.Thread(target=listen, name="interrupts", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        theirs.close()
        thread.join()
        ours.close()
