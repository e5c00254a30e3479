"""``python -P -m tinyai_registry.cli.child``: the command line as a child, which stops when its parent wants or dies.

Standard input is a pipe whose other end the parent alone holds, and into which it writes nothing: the end of file says
that the child shall stop, and comes even if the parent was killed. This works on every system.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from tinyai_registry.cli.app import main

# Seconds for tidying up; a plugin that swallows the interruption has no more.
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
