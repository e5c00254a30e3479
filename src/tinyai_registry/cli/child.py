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
GRACE = 10.0


def _stop_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    main(prog_name="tinyai")
