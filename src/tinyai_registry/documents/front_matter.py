"""The front matter of a card, which a Hugging Face page reads: licence, library, tags, and every fold's figures.

It is YAML in which every value is written as JSON, which YAML includes: no word of a table can be taken for syntax.
Format: https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tinyai_registry.documents.markdown import metric_names
from tinyai_registry.documents.sidecar_types import FoldDocument, Sidecar, metric_of

# SPDX names that the Hub knows by the same name in small letters; it shows every other as "other".
KNOWN = frozenset(
    (
        *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0"),
        *("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "MIT", "MPL-2.0", "GPL-3.0", "LGPL-3.0", "AGPL-3.0", "Unlicense"),
    )
)

_ASTRAL = 0x10000
_LINES = re.compile(r"\A---\r?\n.*?\n---\r?\n", re.DOTALL)


def render(sidecar: Sidecar) -> str:
    """The lines between two of ``---``, with them."""
    licence = sidecar["license"]
    named = {"license": licence.lower()} if licence in KNOWN else {"license": "other", "license_name": licence.lower()}
    fields: dict[str, Any] = {
        **named,
        "library_name": "onnx",
        "tags": ["onnx", "tinyai", sidecar["kind"]],
    }
    lines = [f"{name}: {_flow(value)}" for name, value in fields.items()]
    results = ",\n".join(f"    {_flow(result)}" for result in _results(sidecar))
    index = f"model-index:\n- name: {_flow(sidecar['id'])}\n  results: [\n{results}\n  ]"
    return "\n".join(("---", *lines, index, "---", ""))


def _flow(value: Any) -> str:
    """JSON, in ASCII as YAML escapes it: one escape for each character, where JSON may need two."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[^ -~]", lambda found: _escape(ord(found[0])), text)


def _escape(character: int) -> str:
    return f"\\u{character:04x}" if character < _ASTRAL else f"\\U{character:08x}"


def strip(card: str) -> str:
    """``card`` without its front matter, if it has any: for people."""
    return _LINES.sub("", card)


def _results(sidecar: Sidecar) -> Iterator[dict[str, Any]]:
    """The mean over the folds, then each fold."""
    evaluation, dataset = sidecar["evaluation"], sidecar["training"]["dataset"]
    means = {metric: evaluation["summary"][metric]["mean"] for metric in metric_names(evaluation["summary"])}
    yield _result(dataset, "mean over folds", means)
    for fold in evaluation["folds"]:
        yield _result(dataset, fold["group"], _figures(fold, list(means)))


def _figures(fold: FoldDocument, metrics: list[str]) -> dict[str, float | None]:
    return {metric: metric_of(fold, metric) for metric in metrics}


def _result(dataset: str, split: str, figures: dict[str, float | None]) -> dict[str, Any]:
    return {
        "task": {"type": "tabular-regression"},
        "dataset": {"name": dataset, "type": dataset, "split": split},
        "metrics": [{"type": metric, "value": value} for metric, value in figures.items() if value is not None],
    }
