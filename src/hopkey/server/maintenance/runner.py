"""Running the tasks that are due, in a process of its own on each node: no request ever waits for it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import close_old_connections, connection
from django.utils import timezone

from hopkey.server.maintenance.models import Task
from hopkey.server.maintenance.tasks import JOBS, Job

_LOG = logging.getLogger("hopkey.maintenance")
_LOOK_SECONDS = 2.0
_END_SECONDS = 8.0


def run_due(now: datetime | None = None, jobs: Sequence[Job] = JOBS) -> list[str]:
    """Run each task that is due and that nobody else is at; their names."""
    ran = []
    for job in jobs:
        moment = now or timezone.now()
        if job.alone and not _take(job, moment):
            continue
        error = ""
        try:
            job.run(moment)
        except Exception as problem:  # noqa: BLE001 - one task's trouble is not the next one's
            error = f"{type(problem).__name__}: {problem}"[:500]
            _LOG.warning("%s did not work out: %s", job.name, type(problem).__name__)
        if job.alone:
            ended = now or timezone.now()
            Task.objects.filter(name=job.name).update(
                due_at=ended + timedelta(seconds=job.every), ended_at=ended, error=error
            )
        ran.append(job.name)
    return ran


def _take(job: Job, now: datetime) -> bool:
    """Whether the task is due and now ours."""
    until = now + timedelta(seconds=job.patience)
    if Task.objects.filter(name=job.name, due_at__lte=now).update(due_at=until):
        return True
    if Task.objects.filter(name=job.name).exists():
        return False
    _, made = Task.objects.get_or_create(name=job.name, defaults={"due_at": until})
    return made


def run_for_ever() -> None:
    """Look every two seconds whether something is due, until SIGTERM or until standard input ends: that of `hopkey
    serve`, which is gone then. Each lane has a thread: a mail that somebody waits for does not wait for a long count.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and tells us

    def watch() -> None:
        while os.read(0, 1):
            pass
        stop.set()

    threading.Thread(target=watch, name="watch", daemon=True).start()
    lanes = sorted({job.lane for job in JOBS})
    threads = [threading.Thread(target=_lane, args=(lane, stop), name=lane, daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    stop.wait()
    deadline = time.monotonic() + _END_SECONDS
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))


def _lane(name: str, stop: threading.Event) -> None:
    jobs = [job for job in JOBS if job.lane == name]
    while not stop.wait(_LOOK_SECONDS):
        try:
            close_old_connections()
            run_due(jobs=jobs)
        except Exception as error:  # noqa: BLE001 - a database that does not answer now may answer later
            _LOG.warning("maintenance waits: %s", type(error).__name__)
    connection.close()
