"""Does a published model load, and give the numbers that it was published with? Asked in a process apart."""

from __future__ import annotations

import json
import multiprocessing
import re
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Flaw, Rule
from tinyai_registry.checks.running import NO_NUMBERS, NO_VECTOR, NOT_LOADED, NOT_SURVIVED, OTHER_NUMBERS
from tinyai_registry.onnxfile.graph import GraphError, Signature, parse, signature
from tinyai_registry.onnxfile.weights import take_in
from tinyai_registry.text import shorten

if sys.platform != "win32":
    import resource

SECONDS = 30.0
MEMORY = 4 * 1024**3  # addresses, of which a process with onnxruntime has many that it never uses
OPEN_SIZE = 64  # of a dimension that the graph leaves open; the batch is 1


@dataclass(frozen=True)
class Trial:
    """A file by name, its bytes, what its sidecar says (if it has one), and the bytes of each file that it refers to.

    ``beside`` has those whose digest holds, by the location that stands in the graph.
    """

    name: str
    data: bytes
    sidecar: Mapping[str, Any] | None = None
    beside: Mapping[str, bytes] = field(default_factory=dict)


def run_models(trials: Iterable[Trial], seconds: float = SECONDS) -> Iterator[tuple[str, Flaw]]:
    """The flaws of each model, with its file name, once it is loaded and run on the test vector that its sidecar has.

    A flaw's pointer leads to the test vector in the sidecar; it is empty where none was used. No file is read. A
    graph that crashes, or takes more than ``seconds``, has that flaw and does no harm to the others.
    """
    left = iter(trials)
    while True:
        with _worker() as worker:
            for trial in left:
                flaws = _ask(worker, trial, seconds)
                yield from ((trial.name, flaw) for flaw in flaws)
                if any(flaw.rule is NOT_SURVIVED for flaw in flaws):
                    break
            else:
                return


def open_session(data: bytes) -> onnxruntime.InferenceSession:
    """A session for the ONNX file ``data``: one thread of the CPU, and silent."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Otherwise bytes that can also be read as its own format are, and what was checked is not what is run.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


# --- in this process


@contextmanager
def _worker() -> Iterator[Connection]:
    """The line to a new process that answers each model with its flaws."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv_bytes()  # it has imported what it needs: from here on, time is the model's
        yield ours
    finally:
        process.kill()
        process.join()
        ours.close()


def _ask(worker: Connection, trial: Trial, seconds: float) -> list[Flaw]:
    by_code = rules()
    try:
        worker.send(trial)
        if not worker.poll(seconds):
            return [Flaw(NOT_SURVIVED, f"it was stopped after {seconds:g} s")]
        # JSON, not a pickle: a graph that takes the worker over must not get any further.
        answer = json.loads(worker.recv_bytes())
    except (EOFError, OSError):
        return [Flaw(NOT_SURVIVED, "the process that ran it died")]
    return [Flaw(by_code[code], message, pointer) for code, message, pointer in answer]


# --- in the worker


def _serve(line: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    if sys.platform != "win32":
        with suppress(ValueError, OSError):  # macOS may refuse; then the time limit is all there is
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    line.send_bytes(b"ready")
    with suppress(EOFError):
        while True:
            flaws = [(flaw.rule.code, flaw.message, flaw.pointer) for flaw in _flaws(line.recv())]
            line.send_bytes(json.dumps(flaws).encode())


def _flaws(trial: Trial) -> Iterator[Flaw]:
    try:
        proto = parse(trial.data)
    except GraphError as error:
        yield Flaw(NOT_LOADED, shorten(str(error)))
        return
    if missing := take_in(proto, trial.beside):
        yield Flaw(NOT_LOADED, f"weights outside the file were not loaded: {', '.join(map(shorten, missing[:5]))}")
        return
    try:
        session = open_session(proto.SerializeToString() if trial.beside else trial.data)
    except Exception as error:  # noqa: BLE001  # onnxruntime's have no class in common
        yield Flaw(NOT_LOADED, _first_line(error))
        return
    found = _vector(trial.name, trial.sidecar)
    if found is None:
        yield from (Flaw(rule, message) for rule, message in _on_random(session, signature(proto)))
    else:
        pointer, vector = found
        yield from (Flaw(rule, message, pointer) for rule, message in _on_vector(session, vector))


def _vector(name: str, sidecar: Any) -> tuple[str, Any] | None:
    """The test vector for the file ``name``, and where in the sidecar it stands."""
    try:
        artifacts = enumerate(sidecar["artifacts"])
        return next((f"/artifacts/{k}/test_vector", a["test_vector"]) for k, a in artifacts if a["path"] == name)
    except (KeyError, TypeError, StopIteration):
        return None  # no sidecar, one from before there were any, or one that its schema refuses


def _on_vector(session: onnxruntime.InferenceSession, vector: Any) -> Iterator[tuple[Rule, str]]:
    try:
        feed = {each["tensor"]: np.asarray(each["values"], np.float32) for each in vector["inputs"]}
        published = {each["tensor"]: np.asarray(each["values"], np.float64) for each in vector["outputs"]}
        tolerance = float(vector["tolerance"])
        outputs = [np.asarray(values, np.float64) for values in session.run(list(published), feed)]
    except Exception as error:  # noqa: BLE001  # see above
        yield OTHER_NUMBERS, f"it does not run on its test vector: {_first_line(error)}"
        return
    for (name, expected), got in zip(published.items(), outputs, strict=False):
        if got.shape != expected.shape:
            yield OTHER_NUMBERS, f"{name} has the shape {list(got.shape)}, published was {list(expected.shape)}"
        elif problem := _unsound(got):
            yield NO_NUMBERS, f"{name} {problem} on its test vector"
        elif not (np.abs(got - expected) <= tolerance).all():
            row = int(np.abs(got - expected).argmax())
            numbers = f"{got.flat[row]:g}, published was {expected.flat[row]:g}; they may differ by {tolerance:g}"
            yield OTHER_NUMBERS, f"row {row} of its test vector gives {name} {numbers}"


def _on_random(session: onnxruntime.InferenceSession, graph: Signature) -> Iterator[tuple[Rule, str]]:
    """What random input, which is no evidence of any number, can show."""
    generator = np.random.default_rng(0)
    try:
        feed = {name: _draw(generator, graph, name) for name in graph.inputs}
        outputs = [np.asarray(values) for values in session.run(list(graph.outputs), feed)]
    except Exception as error:  # noqa: BLE001  # see above
        sized_by_us = any(not isinstance(size, int) for shape in graph.inputs.values() for size in shape[1:])
        rule, where = (NO_VECTOR, f" with open dimensions of {OPEN_SIZE}") if sized_by_us else (NO_NUMBERS, "")
        yield rule, f"no test vector, and it does not run on random input{where}: {_first_line(error)}"
        return
    yield NO_VECTOR, "no test vector: it was loaded and run on random input, and no number held against another"
    for name, got in zip(graph.outputs, outputs, strict=True):
        if problem := _unsound(got):
            yield NO_NUMBERS, f"{name} {problem} on random input"


def _draw(generator: np.random.Generator, graph: Signature, name: str) -> NDArray[Any]:
    """An input from [0, 1), as pictures and most features are; whole numbers, which may be an index, are 0."""
    sizes = enumerate(graph.inputs[name])
    shape = [size if isinstance(size, int) else OPEN_SIZE if axis else 1 for axis, size in sizes]
    return generator.random(shape).astype(onnx.helper.tensor_dtype_to_np_dtype(graph.types[name]))


def _unsound(values: NDArray[Any]) -> str | None:
    if values.size == 0:
        return "is empty"
    if np.issubdtype(values.dtype, np.inexact) and not np.isfinite(values).all():
        return f"is {values[~np.isfinite(values)][0]}"
    return None


def _first_line(error: Exception) -> str:
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error))
    return f"{type(error).__name__}: {text}".splitlines()[0][:300]
