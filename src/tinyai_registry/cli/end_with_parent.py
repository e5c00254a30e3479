"""The command line as a child, ``python -P -m tinyai_registry.cli.end_with_parent``: it stops when its parent does.

Standard input is a pipe. The parent alone holds the other end and writes nothing into it. At the end of file the child
stops: the parent has closed its end to say so, or was killed and the system has closed it. This works on every system.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from tinyai_registry.cli.app import main

# Seconds between the signal that asks and the one that kills, for a plugin that swallows the interruption.
GRACE = 5.0


def _stop_with_parent() -> None:
    while os.read(0, 4096):
        pass
    if hasattr(signal, "pthread_kill"):
        # To the main thread: one that waits in a system call runs the handler at once, and not when it next wakes.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        time.sleep(GRACE)
        os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGTERM)  # Windows has no handlers for it: the process ends


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    main(prog_name="tinyai")
