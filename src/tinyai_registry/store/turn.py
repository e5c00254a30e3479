"""Taking turns at a registry: courtesy between writers, on which no correctness rests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tinyai_registry.store import layout

logger = logging.getLogger(__name__)


@contextmanager
def turn(root: Path, patience: float) -> Iterator[None]:
    """Hold the lock of the registry ``root``; says so if it has to wait. Raises Timeout after ``patience`` seconds."""
    lock = FileLock(layout.lock_file(root))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if patience <= 0:
            raise
        logger.warning("waiting up to %g s for another writer of %s", patience, root)
        lock.acquire(timeout=patience)
    try:
        yield
    finally:
        lock.release()
