"""Measurement of memory, CPU time and delays."""

import ctypes
import gc
import os
import platform
import resource
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import linear_regression
from typing import Any, Final

import psutil

from streams.settings.loader import PREFIX

MIB: Final = 1 << 20
HOUR_SECONDS: Final = 3600


def describe_machine() -> dict[str, Any]:
    """Return the context of a result: date, cores, memory, versions."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": psutil.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / (1 << 30), 1),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
    }


def forget_settings() -> None:
    """Remove the ACCUEIL_* variables from the environment, so that all runs use the default settings."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]


def live_bytes() -> int:
    """Return the resident memory of this process, after freed memory was returned to the system."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc does not return freed memory by itself
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the percentile of `values` at `share`, by the nearest-rank method."""
    ordered = sorted(values)
    rank = max(1, -int(-share * len(ordered) // 1))
    return ordered[rank - 1]


def slope_per_hour(samples: Sequence[tuple[float, float]]) -> float:
    """Return the growth per hour of (seconds, value) samples, by least squares over the second half of the time."""
    begin, end = samples[0][0], samples[-1][0]
    half = [sample for sample in samples if sample[0] >= (begin + end) / 2]
    seconds, values = zip(*half, strict=True)
    return linear_regression(seconds, values).slope * HOUR_SECONDS
