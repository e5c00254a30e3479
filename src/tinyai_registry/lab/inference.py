"""Loads a model in onnxruntime and runs it: what it gives, held against what it was published with.

Answers in a process apart, see ``trial.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from tinyai_registry.checks.finding import Flaw, Rule
from tinyai_registry.checks.running import (
    NO_NUMBERS,
    NO_VECTOR,
    NOT_LOADED,
    NOT_SURVIVED,
    NOT_TRIED,
    OTHER_NUMBERS,
    UNSTEADY,
)
from tinyai_registry.documents.parts import noise_of
from tinyai_registry.lab.noise import make
from tinyai_registry.onnxfile.graph import GraphError, Signature, parse, signature
from tinyai_registry.onnxfile.weights import take_in
from tinyai_registry.text import shorten

_OPEN_SIZE = 64  # of a dimension that the graph leaves open; the batch is 1
Feed = Mapping[str, NDArray[Any]]
Shapes = Mapping[str, Sequence[int]]


def answer(question: Sequence[bytes]) -> list[tuple[str, str, str]]:
    """The code, message and pointer of each flaw of a model.

    ``question`` is the model, what is said of it in JSON (its ``name``, its ``sidecar``, the locations ``beside`` it),
    and the bytes of the file at each of these locations.
    """
    data, about, *files = question
    said = json.loads(about)
    beside = dict(zip(said["beside"], files, strict=True))
    return [
        (flaw.rule.code, flaw.message, flaw.pointer) for flaw in _flaws(data, said["name"], said["sidecar"], beside)
    ]


def open_session(data: bytes | str) -> onnxruntime.InferenceSession:
    """A session for the ONNX file ``data``, or the one at that path: one thread of the CPU, and silent."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Otherwise bytes that can also be read as its own format are, and what was checked is not what is run.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def run_rows(session: onnxruntime.InferenceSession, outputs: Sequence[str], feed: Feed) -> list[NDArray[Any]]:
    """The ``outputs`` for every row of ``feed``, which a graph with a batch of one is fed row by row."""
    one = any(each.shape[:1] == [1] for each in session.get_inputs())
    count = len(next(iter(feed.values())))
    if not one or count == 1:
        return [np.asarray(values) for values in session.run(list(outputs), dict(feed))]
    rows = [
        session.run(list(outputs), {name: values[k : k + 1] for name, values in feed.items()}) for k in range(count)
    ]
    return [np.concatenate(values) for values in zip(*rows, strict=True)]


def _flaws(data: bytes, name: str, sidecar: Any, beside: Mapping[str, bytes]) -> Iterator[Flaw]:
    try:
        proto = parse(data)
    except GraphError as error:
        yield Flaw(NOT_TRIED, f"not tried: {shorten(str(error))}")
        return
    if missing := take_in(proto, beside):
        names = ", ".join(map(shorten, missing[:5]))
        yield Flaw(NOT_TRIED, f"not tried: no digest covers the weights outside the file: {names}")
        return
    try:
        session = open_session(proto.SerializeToString() if beside else data)
    except Exception as error:  # noqa: BLE001  # onnxruntime's have no class in common
        yield Flaw(_rule(error, NOT_LOADED), _first_line(error))
        return
    found = _vector(name, sidecar)
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
        feed = {each["tensor"]: _fed(each) for each in vector["inputs"]}
        published = {each["tensor"]: np.asarray(each["values"], np.float64) for each in vector["outputs"]}
        samples = {each["tensor"]: each for each in vector["outputs"] if "positions" in each}
        tolerance = float(vector["tolerance"])
        first, second = (run_rows(session, list(published), feed) for _ in range(2))
        outputs = [np.asarray(values, np.float64) for values in first]
        outputs = [
            _sampled(each, samples[name]) if name in samples else each
            for name, each in zip(published, outputs, strict=True)
        ]
    except Exception as error:  # noqa: BLE001  # see above
        yield _rule(error, OTHER_NUMBERS), f"it does not run on its test vector: {_first_line(error)}"
        return
    yield from _unsteady(list(published), first, second, "its test vector")
    for (name, expected), values in zip(published.items(), outputs, strict=False):
        got = values[..., 0] if values.shape == (*expected.shape, 1) else values  # a score for each row, in either rank
        if got.shape != expected.shape:
            yield OTHER_NUMBERS, f"{name} has the shape {list(got.shape)}, published was {list(expected.shape)}"
        elif problem := _unsound(got):
            yield NO_NUMBERS, f"{name} {problem} on its test vector"
        elif not (np.abs(got - expected) <= tolerance).all():
            row = int(np.abs(got - expected).argmax())
            numbers = f"{got.flat[row]:g}, published was {expected.flat[row]:g}; they may differ by {tolerance:g}"
            yield OTHER_NUMBERS, f"row {row} of its test vector gives {name} {numbers}"


def _fed(said: Any) -> NDArray[np.float32]:
    return make(noise_of(said["noise"])) if "noise" in said else np.asarray(said["values"], np.float32)


def _sampled(values: NDArray[np.float64], said: Any) -> NDArray[np.float64]:
    """Those of ``values`` that the vector has; all of them where it speaks of another shape."""
    return values.ravel()[said["positions"]] if list(values.shape) == said["shape"] else values


def _on_random(session: onnxruntime.InferenceSession, graph: Signature) -> Iterator[tuple[Rule, str]]:
    """What random input can show, which is no evidence of any number: a model may refuse it, and be right to."""
    generator = np.random.default_rng(0)
    try:
        feed = draw_inputs(generator, graph)
        first, second = (session.run(list(graph.outputs), feed) for _ in range(2))
    except Exception as error:  # noqa: BLE001  # see above
        yield _rule(error, NO_VECTOR), f"no test vector, and it does not run on random input: {_first_line(error)}"
        return
    problems = [(name, _unsound(np.asarray(got))) for name, got in zip(graph.outputs, first, strict=True)]
    gave = [f"; {name} {problem}" for name, problem in problems if problem]
    yield (
        NO_VECTOR,
        f"no test vector: it was loaded and run on random input, and no number held against another{''.join(gave)}",
    )
    yield from _unsteady(list(graph.outputs), first, second, "random input")


def _unsteady(names: Sequence[str], first: Sequence[Any], second: Sequence[Any], on: str) -> Iterator[tuple[Rule, str]]:
    for name, one, other in zip(names, map(np.asarray, first), map(np.asarray, second), strict=True):
        same = one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes()
        if one.shape != other.shape or not same:
            yield UNSTEADY, f"{name} is another the second time that it is run on {on}"


def draw_inputs(
    generator: np.random.Generator, graph: Signature, shapes: Shapes | None = None
) -> dict[str, NDArray[Any]]:
    """A value for each input of ``graph``; ``shapes`` has the sizes of those that leave some open."""
    return {name: _draw(generator, graph, name, (shapes or {}).get(name)) for name in graph.inputs}


def _draw(generator: np.random.Generator, graph: Signature, name: str, wanted: Sequence[int] | None) -> NDArray[Any]:
    """An input from [0, 1), as most inputs are; whole numbers, which may be an index, are 0."""
    sizes = enumerate(graph.inputs[name])
    shape = wanted or [size if isinstance(size, int) else _OPEN_SIZE if axis else 1 for axis, size in sizes]
    return generator.random(shape).astype(onnx.helper.tensor_dtype_to_np_dtype(graph.types[name]))


def _unsound(values: NDArray[Any]) -> str | None:
    if values.size == 0:
        return "is empty"
    if np.issubdtype(values.dtype, np.inexact) and not np.isfinite(values).all():
        return f"is {values[~np.isfinite(values)][0]}"
    return None


def _rule(error: Exception, otherwise: Rule) -> Rule:
    """Whether a model asks for more memory than there is rests on no number that it is fed."""
    words = ("bad_alloc", "allocate memory", "bad allocation")
    is_memory = isinstance(error, MemoryError) or any(word in str(error) for word in words)
    return NOT_SURVIVED if is_memory else otherwise


def _first_line(error: Exception) -> str:
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error))
    return f"{type(error).__name__}: {text}".splitlines()[0][:300]
