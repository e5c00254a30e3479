"""The story of a score: a release is read whole, its bytes are checked, its test vector is run, and it predicts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyai_registry.checks.running import (
    NO_NUMBERS,
    NOT_LOADED,
    NOT_SURVIVED,
    NOT_TRIED,
    OTHER_NUMBERS,
    UNSTEADY,
)
from tinyai_registry.documents.config import NAME, find_config
from tinyai_registry.documents.dialects import dialect
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.errors import ConfigError, RegistryError
from tinyai_registry.files import sha256_of
from tinyai_registry.lab.call import read_call
from tinyai_registry.lab.inference import answer, open_session
from tinyai_registry.lab.loaded_model import LoadedModel
from tinyai_registry.onnxfile.graph import GraphError, parse
from tinyai_registry.onnxfile.weights import data_files, external_weights, take_in
from tinyai_registry.store import log
from tinyai_registry.store.registry import Registered
from tinyai_registry.store.snapshot import read_release

# What is found in a trial run with which no model is handed out.
REFUSED = {rule.code for rule in (NOT_LOADED, OTHER_NUMBERS, NO_NUMBERS, NOT_SURVIVED, UNSTEADY, NOT_TRIED)}


def load(model: str, registry: str | PathLike[str] | None = None, *, twin: bool = False) -> LoadedModel:
    """The registered ``model``, ready to predict: ``load("fr_regressor_v1").predict(frame)``.

    ``registry`` is its folder, by default the one that ``tinyai.toml`` names; ``twin`` asks for the int8 twin in place
    of the graph. Every file is held against its digest, and the test vector of the file that runs against what it gives
    here. Models that others made work too, as far as their sidecar says how they are called.

    Raises ConfigError if nobody says which registry; RegistryError if there is no such model, a file is not what was
    registered, no digest covers its weights, or it does not give the numbers that it was published with; DocumentError
    for a sidecar that breaks its schema.
    """
    config = find_config(Path.cwd())
    if registry is None and config.registry is None:
        raise ConfigError(
            f'which registry? Give load({model!r}, registry=DIR), or write [registry] path = "DIR" into {NAME}'
        )
    root = config.registry_folder(None if registry is None else Path(registry))
    release = read_release(root, model)
    said = release.sidecar or {}
    if release.sidecar is not None:
        require_valid(dialect(said).schema, said, f"the sidecar of {model} is broken; `tinyai validate` says more")
    name = f"{release.stem}.int8.onnx" if twin else f"{release.stem}.onnx"
    if twin and ("int8_sha256" not in release.row or name not in release.files):
        raise RegistryError(f"{model} has no int8 twin that its row gives the digest of")
    return _open(model, name, release, _weights(root, name, release))


def _weights(root: Path, name: str, release: Registered) -> dict[str, bytes]:
    """The files that the graph ``name`` reads weights from and that a digest covers, by the location in the graph."""
    head = log.head(root, str(release.row["id"]))
    pins = {artifact["path"]: artifact["sha256"] for artifact in (release.sidecar or {}).get("artifacts", ())}
    pins |= dict(head.files) if head else {}
    above = name.rpartition("/")[0]
    return {
        beside.removeprefix(f"{above}/"): release.files[beside]
        for beside in data_files(external_weights(_parse(name, release)), name)
        if beside in release.files and sha256_of(release.files[beside]) == pins.get(beside)
    }


def _open(model: str, name: str, release: Registered, beside: dict[str, bytes]) -> LoadedModel:
    data, said = release.files[name], release.sidecar or {}
    about = {"name": name, "sidecar": release.sidecar, "beside": list(beside)}
    for code, message, _ in answer([data, json.dumps(about).encode(), *beside.values()]):
        if code in REFUSED:
            raise RegistryError(f"{model}: {name}: {message} ({code}; `tinyai explain {code}`)")
    graph = _parse(name, release)
    take_in(graph, beside)
    session = open_session(graph.SerializeToString() if beside else data)
    return LoadedModel(model, sha256_of(data), said, session, read_call(said, graph))


def _parse(name: str, release: Registered) -> Any:
    try:
        return parse(release.files[name])
    except GraphError as error:
        raise RegistryError(f"{name}: {error}") from error


@dataclass(frozen=True)
class Pooled:
    """The predictions of several rows as one: in target units.

    ``harmonic_mean`` is as libvmaf has it, ``1 / mean(1 / (score + 1)) - 1`` (libvmaf.c, vmaf_score_pooled); None where
    a score is -1 or less, for which there is none. ``p5`` is the fifth percentile, interpolated linearly.
    """

    rows: int
    mean: float
    harmonic_mean: float | None
    p5: float
    min: float


def pool(predictions: NDArray[np.floating[Any]]) -> Pooled:
    """``predictions`` ``[N]``, of one row at least, as one.

    >>> pool(np.array([50.0, 100.0]))
    Pooled(rows=2, mean=75.0, harmonic_mean=66.77631578947368, p5=52.5, min=50.0)
    """
    low = float(predictions.min())
    harmonic = float(1 / np.mean(1 / (predictions + 1)) - 1) if low > -1 else None
    return Pooled(len(predictions), float(predictions.mean()), harmonic, float(np.percentile(predictions, 5)), low)
