"""What sidecar and card say of a model that others made: whence it is, and that nothing was trained or judged here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tinyai_registry.documents import markdown, snippet, strict_json
from tinyai_registry.documents.imported import Facts, calling
from tinyai_registry.documents.sidecar import SCHEMA_VERSION
from tinyai_registry.documents.sidecar_types import PublishedDocument, Sidecar
from tinyai_registry.errors import DocumentError
from tinyai_registry.recipe import Regressor
from tinyai_registry.text import markdown_code as code
from tinyai_registry.text import markdown_words


@dataclass(frozen=True)
class Upstream:
    """Where a model is from: ``source`` is a URL, ``commit`` the version there, ``file`` what it was called.

    ``sha256`` is that of the file as it was given, ``changes`` what was done to it here, in words.
    """

    source: str
    commit: str | None
    file: str
    sha256: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """What its owner says of a model that others made."""

    id: str
    kind: str
    license: str
    notes: str
    upstream: Upstream
    figures: tuple[PublishedDocument, ...] = ()
    regressor: Regressor | None = None


def compose(claim: Claim, facts: Facts) -> dict[str, Any]:
    """The sidecar: how to call the model, whence it is, figures of others; no evidence."""
    [main] = (each for each in facts.artifacts if each["path"] == f"{claim.id}.onnx")
    scaler = {"onnx_has_scaler": True} if facts.standardises else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "imported_from": "upstream",
        "id": claim.id,
        "name": claim.id,
        "kind": claim.kind,
        "onnx": f"{claim.id}.onnx",
        "sha256": main["sha256"],
        "license": claim.license,
        "notes": claim.notes or f"Made elsewhere, see {claim.upstream.source}. Nothing was trained or judged here.",
        "stage": "proposed",
        "upstream": {**asdict(claim.upstream), "changes": list(claim.upstream.changes)},
        "published": [dict(each) for each in claim.figures],
        **calling(facts),
        **scaler,
        **fed(claim.regressor),
    }


def fed(regressor: Regressor | None) -> dict[str, Any]:
    """What a sidecar says of the columns that feed a model, of who scales them, and of what it predicts."""
    if regressor is None:
        return {}
    said: dict[str, Any] = {"feature_order": list(regressor.columns)}
    if regressor.mean:
        said |= {"feature_mean": list(regressor.mean), "feature_std": list(regressor.std), "onnx_has_scaler": False}
    if regressor.target is not None:
        said["target"] = regressor.target
    if regressor.target_range is not None:
        said["target_range"] = list(regressor.target_range)
    return said


def is_fed_as(sidecar: Mapping[str, Any], regressor: Regressor | None) -> bool:
    """Whether the ``sidecar`` of an imported model says what ``regressor`` does."""
    keys = ("feature_order", "feature_mean", "feature_std", "target", "target_range")
    now = fed(regressor)
    return all(sidecar.get(key) == now.get(key) for key in keys)


def read_figures(data: bytes, where: str) -> tuple[PublishedDocument, ...]:
    """The figures that a file of evidence has: a list of ``metric``, ``value`` and ``source``.

    Raises DocumentError if it is another document.
    """
    listed = strict_json.loads(data, where)
    wanted: dict[str, type | tuple[type, ...]] = {"metric": str, "value": (int, float), "source": str}
    for each in listed if isinstance(listed, list) else [None]:
        if not isinstance(each, dict) or each.keys() != wanted.keys():
            raise DocumentError(f'{where}: evidence is a list of {{"metric": ..., "value": ..., "source": ...}}')
        for key, kind in wanted.items():
            if not isinstance(each[key], kind) or isinstance(each[key], bool) or each[key] == "":
                raise DocumentError(f"{where}: {key} is {each[key]!r}; a figure has a metric, a number and its source")
    return tuple(PublishedDocument(metric=e["metric"], value=float(e["value"]), source=e["source"]) for e in listed)


# What mean and std are called by those who write them down: scripts, and sidecars of any dialect.
_SCALERS = (("mean", "std"), ("feature_mean", "feature_std"), ("input_mean", "input_std"))


def read_scaler(data: bytes, where: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of each column, from a file of JSON. Raises DocumentError if it does not have them."""
    found = strict_json.loads(data, where)
    given = found if isinstance(found, dict) else {}
    for names in _SCALERS:
        lists = [each for each in map(given.get, names) if isinstance(each, list)]
        if len(lists) == len(names) and all(type(value) in {int, float} for each in lists for value in each):
            mean, std = (tuple(map(float, each)) for each in lists)
            return mean, std
    raise DocumentError(f'{where}: a scaler is {{"mean": [...], "std": [...]}}, one number for each column, in order')


def parts(sidecar: Sidecar) -> Iterator[tuple[str, str]]:
    """The sections of the card."""
    origin, stage = sidecar["upstream"], markdown_words(sidecar["stage"])
    yield "", "This model was made elsewhere. **Nothing was trained or judged here.**"
    yield "", f"{code(sidecar['id'])} · kind {code(sidecar['kind'])} · ONNX opset {sidecar['opset']} · {stage}"
    yield "Notes", markdown_words(sidecar["notes"])
    yield "How to call it", _calling(sidecar)
    yield "Origin", _origin(origin)
    yield "Figures of others", _figures(sidecar["published"])
    rows = [[code(each["path"]), str(each["bytes"]), code(each["sha256"])] for each in sidecar["artifacts"]]
    yield "Files", markdown.table(["file", "bytes", "sha256"], rows)
    yield "Licence", f"Model: {markdown_words(sidecar['license'])}."


def _calling(sidecar: Sidecar) -> str:
    names = {"inputs": sidecar["input_names"], "outputs": sidecar["output_names"]}
    lines = [f"- {what}: {', '.join(map(code, listed))}" for what, listed in names.items()]
    parts = ["\n".join((*lines, *_feeding(sidecar)))]
    if any("test_vector" in each for each in sidecar["artifacts"]):
        parts.append("The `test_vector` in the sidecar tells whether it was loaded right.")
    if "feature_order" in sidecar:
        parts.append(snippet.render(sidecar["id"], sidecar["feature_order"]))
    return "\n\n".join(parts)


def _feeding(sidecar: Sidecar) -> Iterator[str]:
    if "feature_order" in sidecar:
        yield f"- columns, in this order: {', '.join(map(code, sidecar['feature_order']))}"
        yield f"- scaling: {describe_scaling(sidecar)}"
    if "target" in sidecar or "target_range" in sidecar:
        least, greatest = sidecar.get("target_range", (None, None))
        within = "" if least is None else f", nominally {least:g} to {greatest:g}"
        yield f"- predicts {code(sidecar['target']) if 'target' in sidecar else 'a score'}{within}"


def describe_scaling(sidecar: Mapping[str, Any]) -> str:
    """Who scales the columns of an imported model, as its sidecar says."""
    if "feature_mean" in sidecar:
        return "the graph does not standardise: feed `(feature - feature_mean) / feature_std`, by the sidecar"
    if sidecar.get("onnx_has_scaler"):
        return "the graph standardises its input itself; feed raw columns"
    return "the graph does not standardise, and nobody said how to: feed raw columns"


def _origin(origin: Mapping[str, Any]) -> str:
    changes = "; ".join(map(markdown_words, origin["changes"])) or "none: it is the file as it was given"
    lines = {
        "source": markdown_words(origin["source"]),
        "commit": code(origin["commit"]) if origin["commit"] else "not told",
        "file": code(origin["file"]),
        "sha256 of it": code(origin["sha256"]),
        "changed here": changes,
    }
    return "\n".join(f"- {label}: {text}" for label, text in lines.items())


def _figures(figures: Sequence[PublishedDocument]) -> str:
    if not figures:
        return "None was given."
    rows = [[markdown_words(e["metric"]), f"{e['value']:g}", markdown_words(e["source"])] for e in figures]
    return "Nobody computed them again here.\n\n" + markdown.table(["metric", "value", "source"], rows)
