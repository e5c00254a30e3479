"""Runs code that may crash, loop or fill the memory in a child process, and puts questions to it.

Such is the native code that reads the graphs of strangers. The main program of the child is ``child_main.py``.
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
_LAST_SECONDS = 1.0  # for a child that closed its pipe to exit by itself, so that its exit status says why
_MAX_ANSWER = 16 * 2**20


class ChildError(Exception):
    """The child gave no answer. The text says why; its subject, which the caller adds, is the process."""


class Child:
    """A process that runs the function ``answer(question)`` of the Python file ``answerer``.

    A question is a list of bytes; an answer is JSON, not a pickle, which a graph that takes the child over could use to
    take over its parent. The child may use ``memory`` bytes of address space. It starts when the context is entered and
    ends when it is left; a child that died or was killed is replaced at the next question. It dies with its parent
    (Linux), and imports nothing from the working directory.
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
        """Return the child's answer. ``seconds`` is the time limit, without what the child needs to start.

        Raises ChildError if there is no answer, TinyaiError if no child can be started.
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
        # -I ignores the working directory and the environment, -S the .pth files: the import path is the one passed.
        command = [sys.executable, "-I", "-S", child_main.__file__, str(self._memory), str(self._answerer)]
        try:
            self._process = subprocess.Popen(
                [*command, *_import_path()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._answerer.anchor,
            )
        except OSError as error:
            raise TinyaiError(f"cannot start {sys.executable}: {error.strerror}") from error
        return self._process

    def _await_start(self, process: subprocess.Popen[bytes]) -> None:
        try:
            problem = self._exchange(process, None, _START_SECONDS)  # its first message: an error, or null
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
        return f"died of {_signal_name(-code)}" if code < 0 else f"died with exit status {code}"

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


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _answer(line: IO[bytes] | None) -> Any:
    if line is None:
        raise EOFError
    [said] = receive(line, _MAX_ANSWER)
    return json.loads(said)


def _import_path() -> list[str]:
    """The import path of this process without the working directory, unless Python itself is installed there."""
    unsafe: set[Path] = set()
    with suppress(FileNotFoundError):  # it may be gone
        unsafe = {Path.cwd()} - {Path(path) for path in sysconfig.get_paths().values()}
    own = str(Path(__file__).parents[2])
    found = [path for path in sys.path if Path(path).is_absolute() and Path(path).resolve() not in unsafe]
    return [*found, *([] if own in found else [own])]
