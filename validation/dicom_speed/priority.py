"""A reading that goes before everything else, so that a shared machine can still be measured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tomoscribe.core.errors import UnsupportedError
from tomoscribe.validation.dicom_speed.memory import children


@contextmanager
def real_time() -> Iterator[None]:
    """Round-robin real-time priority for this process, its helpers, and the threads they start meanwhile.

    Raises:
        UnsupportedError: the platform has no such priority, or this user has no right to it.
    """
    everyone = [0, *children()]
    try:
        lowest = os.sched_get_priority_min(os.SCHED_RR)
        for pid in everyone:
            os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(lowest))
    except (AttributeError, OSError) as error:
        raise UnsupportedError(
            "real-time priority is not to be had here", remedy="run it as root on Linux, or leave out --real-time"
        ) from error
    try:
        yield
    finally:
        for pid in everyone:
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
