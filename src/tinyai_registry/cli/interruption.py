"""Signals that ask the command to stop: they unwind it like Ctrl-C, and the exit code says which it was."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

# A second signal this soon after the first is the same wish: a terminal signals the whole group, and whoever started
# this process may pass the signal on. It must not interrupt the tidying up.
SAME_WISH_SECONDS = 1.0


class Interrupted(KeyboardInterrupt):
    """A signal asks the process to stop. Code that lets Ctrl-C pass lets this pass."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """What a shell reports of a process that the signal has killed: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.signal

    def __str__(self) -> str:
        return f"stopped by {self.signal.name}"


def as_interrupted(interrupt: KeyboardInterrupt) -> Interrupted:
    """``interrupt`` as one of ours; Python's own comes from Ctrl-C."""
    return interrupt if isinstance(interrupt, Interrupted) else Interrupted()


def interruption_of(error: BaseException) -> Interrupted | None:
    """The signal of which ``error`` has come: a library that it stops while it is loaded says that it cannot be."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return None if cause is None else as_interrupted(cause)


class _Handler:
    """Raises Interrupted in the main thread."""

    def __init__(self) -> None:
        self.raised_at = float("-inf")

    def __call__(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if now - self.raised_at > SAME_WISH_SECONDS:
            self.raised_at = now
            raise Interrupted(number)


def raise_on_signals() -> None:
    """Make SIGINT, SIGTERM and SIGHUP raise Interrupted in the main thread, for the rest of the process.

    A signal that whoever started the process ignores (``nohup``, a shell's ``&``) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # Python lets no other thread set handlers
    handler = _Handler()
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, handler)


def ignore_signals() -> None:
    """Let no signal stop the process any more: it has done its work and says so.

    Handlers that :func:`raise_on_signals` has not set are somebody else's and stay.
    """
    for each in SIGNALS:
        if isinstance(signal.getsignal(each), _Handler):
            signal.signal(each, signal.SIG_IGN)
