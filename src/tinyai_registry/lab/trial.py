"""Does a published model load, and give the numbers that it was published with? Asked in a process apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Flaw
from tinyai_registry.checks.running import NOT_SURVIVED
from tinyai_registry.onnxfile.child import Child, ChildError

if find_spec("onnxruntime") is None:  # only the process apart imports it, and this one says that it is not there
    raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")

SECONDS = 30.0
MEMORY = 4 * 1024**3  # addresses, of which a process with onnxruntime has many that it never uses
_ANSWERER = Path(__file__).with_name("inference.py")


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
    with Child(_ANSWERER, MEMORY) as child:
        for trial in trials:
            yield from ((trial.name, flaw) for flaw in _ask(child, trial, seconds))


def _ask(child: Child, trial: Trial, seconds: float) -> list[Flaw]:
    about = {"name": trial.name, "sidecar": trial.sidecar, "beside": list(trial.beside)}
    by_code = rules()
    try:
        said = child.ask([trial.data, json.dumps(about).encode(), *trial.beside.values()], seconds)
        return [Flaw(by_code[code], str(message), str(pointer)) for code, message, pointer in said]
    except ChildError as error:
        return [Flaw(NOT_SURVIVED, f"the process that ran it {error}")]
    except (KeyError, TypeError, ValueError):
        return [Flaw(NOT_SURVIVED, "the process that ran it gave an answer that makes no sense")]
