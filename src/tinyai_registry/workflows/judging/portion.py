"""The unit of work of a protocol: some models of a plan are trained, and what they say is written.

Done in a process apart, perhaps on another machine; the work comes as paths and digests, and so does the answer. A
portion that is there already was written by an earlier attempt at the same work, and is taken as it is.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from tinyai_registry.errors import EngineError, TableError
from tinyai_registry.evaluation import DataSet
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.files import replacing, sha256_of
from tinyai_registry.lab import folds
from tinyai_registry.lab.processor import cpu_capability, threads
from tinyai_registry.lab.table import Table, read_table
from tinyai_registry.lab.table_file import tell_places
from tinyai_registry.plugins.discovery import discover
from tinyai_registry.plugins.owner import Owner, find_owner
from tinyai_registry.recipe import Scheme, decisive, fingerprint
from tinyai_registry.release.provenance import PACKAGES, find_versions
from tinyai_registry.workflows.judging.held_out import Said, ask, fetch_by, questions, train_models

# Goes into the name of a portion: one that another version has written may differ.
FORMAT = "1"


@dataclass(frozen=True)
class Basis:
    """What everybody who trains for a protocol must have in common: the model, its recipe, the table, and the tools.

    ``data`` says where the table lies, and ``sha256`` is its digest. ``tools`` are the versions of packages and the
    instruction set of the processor, which decide the last bits.
    """

    model: str
    recipe: str
    data: DataSet = field(hash=False)
    sha256: str
    tools: tuple[tuple[str, str], ...]

    @property
    def content(self) -> list[object]:
        """What decides the numbers: all but where the files lie."""
        return [FORMAT, self.model, self.recipe, self.data.same, self.data.distinct, self.sha256, self.tools]


@dataclass(frozen=True)
class Portion:
    """The models of ``scheme`` that have these ``numbers``, to be trained on so many ``threads``.

    What they say goes into ``folder``.
    """

    basis: Basis
    scheme: Scheme
    numbers: tuple[int, ...]
    threads: int
    folder: str


@dataclass(frozen=True)
class Predictions:
    """The file that a portion has become, and its digest."""

    file: str
    sha256: str


def basis_of(owner: Owner, table: Table) -> Basis:
    """What whoever trains for ``owner`` on ``table`` must have, too. The files of the table are known."""
    return Basis(
        model=owner.recipe.id,
        recipe=fingerprint(decisive(owner.recipe)),
        data=table.data.moved(Path.absolute),
        sha256=table.fingerprint.sha256,
        tools=_tools(owner),
    )


def _tools(owner: Owner) -> tuple[tuple[str, str], ...]:
    versions = find_versions((*PACKAGES, owner.plugin.distribution))
    return (*sorted(versions.items()), ("the instruction set", cpu_capability()))


# --- where the work is done -----------------------------------------------------------------------------------------


def predict_portion(portion: Portion) -> Predictions:
    """Train the models and write what they say.

    Raises EngineError where other tools are installed than ``portion`` asks for, or its folder cannot be seen,
    TableError if the table is another.
    """
    content = [*portion.basis.content, repr(portion.scheme), portion.numbers]
    path = Path(portion.folder, f"{sha256_of(json.dumps(content).encode())}.npz")
    if not path.exists():
        with threads(portion.threads):
            _write(path, _predict(portion))
    return Predictions(path.name, sha256_of(path.read_bytes()))


def _predict(portion: Portion) -> list[Said]:
    owner, table = _open(portion.basis)
    plan = folds.plan(table, portion.scheme)
    models = train_models(owner, table, plan, portion.numbers, Progress())
    return [ask(owner, table, models[each.model], each) for each in questions(plan) if each.model in models]


@lru_cache(maxsize=1)
def _open(basis: Basis) -> tuple[Owner, Table]:
    """The owner and the table, once for all portions that this process is given of them."""
    owner = find_owner(discover(), basis.model)
    here = dict(_tools(owner))
    for name, theirs in basis.tools:
        if here.get(name) != theirs:
            raise EngineError(
                f"a worker has {here.get(name, 'none')} where {name} is to be {theirs}; numbers are the same on "
                "machines that have the same"
            )
    if fingerprint(decisive(owner.recipe)) != basis.recipe:
        raise EngineError(f"a worker has another recipe of {basis.model}; install there what is installed here")
    table = read_table(basis.data, owner.recipe, fetch_by(owner))
    if table.fingerprint.sha256 != basis.sha256:
        where = tell_places(basis.data)
        raise TableError(f"{where} was changed while models were trained, or a worker sees another; try again")
    return owner, table


# --- the file -------------------------------------------------------------------------------------------------------


def _write(path: Path, said: Sequence[Said]) -> None:
    arrays = {f"{k}/{name}": values for k, one in enumerate(said) for name, values in one.items()}
    try:
        with replacing(path) as own, own.open("wb") as file:  # two attempts at one portion write files of their own
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise EngineError(
            f"a worker cannot write into {path.parent}: {error.strerror}; it must see the cache of whoever asks"
        ) from error


def open_predictions(path: Path, data: bytes) -> list[Said]:
    """What is in ``data``, which :func:`predict_portion` has written to ``path``. Raises EngineError if it has not."""
    said: dict[int, dict[str, np.ndarray]] = {}
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            for key in arrays.files:
                number, _, name = key.partition("/")
                said.setdefault(int(number), {})[name] = arrays[key]
    except (ValueError, BadZipFile) as error:
        raise EngineError(f"{path} is broken; remove it and run this again") from error
    return [said[number] for number in sorted(said)]
