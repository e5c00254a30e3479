"""The main program of a child process (see ``child.py``), and the messages that parent and child exchange.

It imports little, and the standard library alone: the parent waits for the child to start.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import util
from pathlib import Path
from typing import IO, Any

if sys.platform != "win32":
    import resource

# The exit status of a child that ran out of memory; Python itself exits with 1 or 2.
OUT_OF_MEMORY = 71
_NUMBER = 8  # bytes
_MOST_PARTS = 10_000

Answerer = Callable[[Sequence[bytes]], Any]


def send(line: IO[bytes], parts: Sequence[bytes]) -> None:
    """Write a message of so many parts. Raises OSError if nobody is there to read it."""
    line.write(b"".join(_number(each) for each in (len(parts), *map(len, parts))))
    for part in parts:
        line.write(part)
    line.flush()


def receive(line: IO[bytes], limit: int) -> list[bytes]:
    """The parts of a message. Raises EOFError if there is none, ValueError if it has more than ``limit`` bytes."""
    count = _read_number(line)
    if count > _MOST_PARTS:
        raise ValueError(f"a message of {count} parts")
    lengths = [_read_number(line) for _ in range(count)]
    if sum(lengths) > limit:
        raise ValueError(f"a message of {sum(lengths)} bytes")
    return [_read(line, length) for length in lengths]


def _number(value: int) -> bytes:
    return value.to_bytes(_NUMBER, "little")


def _read_number(line: IO[bytes]) -> int:
    return int.from_bytes(_read(line, _NUMBER), "little")


def _read(line: IO[bytes], length: int) -> bytes:
    data = line.read(length)
    if len(data) < length:
        raise EOFError
    return data


# --- in the child


def main(memory: str, answerer: str, *import_path: str) -> None:
    """Answer questions until there are no more."""
    questions, answers = sys.stdin.buffer, _take_stdout()
    _die_with_parent()
    _limit(int(memory))
    sys.path[:] = import_path
    try:
        answer = _load(answerer)
    except Exception as error:  # noqa: BLE001  # an import may raise anything; the parent reports it
        send(answers, [json.dumps(f"{type(error).__name__}: {error}").encode()])
        return
    send(answers, [b"null"])
    while True:
        try:
            question = receive(questions, sys.maxsize)
            said = json.dumps(answer(question)).encode()
        except EOFError:
            return
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        send(answers, [said])


def _take_stdout() -> IO[bytes]:
    """Return the pipe to the parent, and send what native code prints to stderr, lest it garble an answer."""
    line = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return line


def _die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies: one that loops never reads the end of a pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the child
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _limit(memory: int) -> None:
    if sys.platform != "win32":
        for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
            try:
                resource.setrlimit(what, (most, most))
            except (ValueError, OSError):
                continue  # macOS may refuse; the time limit holds


def _load(answerer: str) -> Answerer:
    name = Path(answerer).stem
    spec = util.spec_from_file_location(name, answerer)
    if spec is None or spec.loader is None:
        raise ImportError(f"no Python file: {answerer}")
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    found: Answerer = module.answer
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
