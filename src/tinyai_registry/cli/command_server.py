"""A child that runs commands, ``python -P -m tinyai_registry.cli.command_server``, and stops when its parent does.

Standard input is a pipe of which the parent alone holds the other end. Each line of it is a command, a JSON list of
words; each is answered with one line of JSON, ``[exit code, what the command wrote to standard output]``. What is
imported for one command is there for the next.

At the end of file the child stops: the parent has closed its end to say so, or was killed and the system has closed it.
This works on every system.
"""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import redirect_stdout

from tinyai_registry.cli.app import main
from tinyai_registry.cli.interruption import SIGNALS, Interrupted, raise_on_signals

# Seconds between the signal that asks and the one that kills, for a plugin that swallows the interruption.
GRACE = 5.0

Words = Sequence[str]


def _serve() -> None:
    """Run commands until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints from C is no answer
    commands: queue.SimpleQueue[Words | None] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(commands,), daemon=True).start()
    try:
        while (words := commands.get()) is not None:
            answers.write(json.dumps(_run(words)) + "\n")
            answers.flush()
    except Interrupted:
        pass  # while there was nothing to do
    os._exit(0)  # what torch would tidy up takes longer than the system, which tidies up anyway


def _run(words: Words) -> tuple[int, str]:
    for each in SIGNALS:  # the command before has done its work, and lets nothing stop it any more
        if signal.getsignal(each) is not None:
            signal.signal(each, signal.SIG_DFL)
    raise_on_signals()
    with redirect_stdout(io.StringIO()) as written:
        code = main(list(words), prog_name="tinyai", standalone_mode=False)
    return int(code or 0), written.getvalue()


def _receive(commands: queue.SimpleQueue[Words | None]) -> None:
    for line in sys.stdin:
        commands.put(json.loads(line))
    commands.put(None)
    if hasattr(signal, "pthread_kill"):
        # To the main thread: one that waits in a system call runs the handler at once, and not when it next wakes.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        time.sleep(GRACE)
        os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGTERM)  # Windows has no handlers for it: the process ends


if __name__ == "__main__":
    _serve()
