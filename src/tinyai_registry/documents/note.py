"""A decision note in Markdown, to be edited into a team's decision record."""

from __future__ import annotations

from collections.abc import Iterator

from tinyai_registry.documents import markdown
from tinyai_registry.documents.sidecar_types import Sidecar
from tinyai_registry.text import markdown_code as code
from tinyai_registry.text import markdown_code_block, markdown_words


def render(sidecar: Sidecar) -> str:
    """What was decided about a release, and on what grounds, from its sidecar."""
    return markdown.sections(f"Refresh {sidecar['id']} from {sidecar['table']['file']}", _parts(sidecar))


def _parts(sidecar: Sidecar) -> Iterator[tuple[str, str]]:
    table, made = sidecar["table"], sidecar["provenance"]
    yield "", f"Date: {markdown_words(made['time'][:10])}"
    yield (
        "Context",
        (
            f"{markdown_words(made['reason'] or 'TODO: why was the model stale?')}\n\n"
            f"The table {code(table['file'])} has {table['rows']} rows and {table['columns']} columns: "
            f"{len(table['groups'])} groups, {table['clips']} clips (sha256 {code(table['sha256'])})."
        ),
    )
    yield (
        "Decision",
        (
            f"{'Train' if sidecar['previous'] is None else 'Retrain'} {code(sidecar['id'])} from this table by the "
            f"recipe of {markdown_words(sidecar['decision'])} (fingerprint {code(sidecar['recipe_fingerprint'])})"
            f"{markdown.recipe_of_before(sidecar)}. The gate:\n\n{markdown.gate_list(sidecar)}"
        ),
    )
    yield "Previous against refresh", markdown.comparison_table(sidecar)
    yield "Folds", markdown.fold_table(sidecar["evaluation"])
    yield "Drift", markdown.drift_table(sidecar)
    yield "Caveats", markdown.caveat_list(sidecar)
    yield "Commands", markdown_code_block((made["command"], "tinyai validate"))
