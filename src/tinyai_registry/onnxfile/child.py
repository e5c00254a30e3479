"""A process apart: it answers questions within bounds of time and memory, and what kills it kills nothing else.

Native code that reads a stranger's graph may loop, fill the memory or crash. It runs in such a process, whose main
program is ``child_main.py``.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Timer
from types import TracebackType
from typing import IO, Any, Self

from tinyai_registry.errors import TinyaiError
from tinyai_registry.onnxfile import child_main
from tinyai_registry.onnxfile.child_main import OUT_OF_MEMORY, receive, send

_START_SECONDS = 60.0
_LAST_SECONDS = 1.0  # for a process that has closed its line to end by itself, and so to say of what
_MAX_ANSWER = 16 * 2**20


class ChildError(Exception):
    """A process gave no answer; the text says why, and follows "it"."""


class Child:
    """A process that runs the function ``answer(question)`` of the Python file ``answerer``.

    A question is a list of bytes. An answer is what JSON can say, not a pickle: a graph that takes the process over
    must not get any further. The process may have ``memory`` bytes of addresses. It starts when the context is entered;
    one that died, or had to be killed, is started again for the next question. It imports nothing from the working
    directory.
    """

    def __init__(self, answerer: Path, memory: int) -> None:
        self._answerer = answerer
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def ask(self, question: Sequence[bytes], seconds: float) -> Any:
        """What the process answers within ``seconds``, which begin when it has imported what it needs.

        Raises ChildError if there is no answer, TinyaiError if the process does not even start.
        """
        process = self._process
        if process is None or process.poll() is not None:
            process = self._start()
        if not self._is_ready:
            self._await_start(process)
        return self._exchange(process, question, seconds)

    def _start(self) -> subprocess.Popen[bytes]:
        self._end()
        self._is_ready = False
        self._process = subprocess.Popen(
            # -I: neither working directory nor environment add to what is imported; -S: neither does any .pth file.
            [sys.executable, "-I", "-S", child_main.__file__, str(self._memory), str(self._answerer), *_import_path()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._answerer.anchor,
        )
        return self._process

    def _await_start(self, process: subprocess.Popen[bytes]) -> None:
        try:
            problem = self._exchange(process, None, _START_SECONDS)  # it begins with what is wrong with it, or null
        except ChildError as error:
            problem = f"it {error}"
        if problem is not None:
            raise TinyaiError(f"the process that runs {self._answerer} does not start: {problem}")
        self._is_ready = True

    def _exchange(self, process: subprocess.Popen[bytes], question: Sequence[bytes] | None, seconds: float) -> Any:
        late = Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            if process.stdin is not None and question is not None:
                send(process.stdin, question)
            return _answer(process.stdout)
        except (OSError, EOFError) as error:
            self._end(_LAST_SECONDS)
            raise ChildError(f"was stopped after {seconds:g} s" if late.is_set() else self._why(process)) from error
        except (ValueError, RecursionError) as error:
            self._end()
            raise ChildError("gave an answer that makes no sense") from error
        finally:
            timer.cancel()

    def _why(self, process: subprocess.Popen[bytes]) -> str:
        code = process.returncode
        if code == OUT_OF_MEMORY:
            return f"asked for more than {self._memory >> 20} MiB of memory"
        return f"died of {signal.Signals(-code).name}" if code < 0 else f"died with exit status {code}"

    def _end(self, patience: float = 0) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        process.kill()
        process.wait()
        for line in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not sent yet goes nowhere
                if line is not None:
                    line.close()


def _answer(line: IO[bytes] | None) -> Any:
    if line is None:
        raise EOFError
    [said] = receive(line, _MAX_ANSWER)
    return json.loads(said)


def _import_path() -> list[str]:
    """From where this process imports, but not from the working directory, unless Python itself is installed there."""
    unsafe: set[Path] = set()
    with suppress(FileNotFoundError):  # it may be gone
        unsafe = {Path.cwd()} - {Path(path) for path in sysconfig.get_paths().values()}
    own = str(Path(__file__).parents[2])
    found = [path for path in sys.path if Path(path).is_absolute() and Path(path).resolve() not in unsafe]
    return [*found, *([] if own in found else [own])]
