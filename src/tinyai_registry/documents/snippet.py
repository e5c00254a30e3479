"""The lines of Python that a card shows for asking its model."""

from __future__ import annotations

from collections.abc import Sequence

from tinyai_registry.text import markdown_code_block


def render(model: str, columns: Sequence[str]) -> str:
    """How ``model`` is loaded and asked, in Markdown: by its ``columns``, or by arrays where it has none."""
    some = ", ".join(columns[:2]) + (", …" if columns[2:] else "")
    fed = f"frame)  # a pandas frame with {some}; scaled here, once" if columns else "arrays)  # by tensor"
    lines = (
        "import tinyai_registry",
        "",
        f'model = tinyai_registry.load("{model}", registry="path/to/registry")',
        f"scores = model.predict({fed}",
    )
    return markdown_code_block(lines, "python")
