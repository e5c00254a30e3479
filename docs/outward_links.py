"""A hook of MkDocs: a link that leaves ``docs/`` leads to the repository's host, where what it names lies."""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

OUTWARD = re.compile(r"\]\((?P<path>\.\./[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Return the page, outward links made absolute; one that leads nowhere is warned of, and fails ``--strict``."""
    root, here = Path(config["config_file_path"]).parent, posixpath.dirname(f"docs/{page.file.src_uri}")

    def absolute(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(here, link["path"]))
        if path.startswith("docs/"):
            return link[0]
        if not (root / path).exists():
            logging.getLogger("mkdocs.hooks").warning("%s: nothing lies at %s", page.file.src_uri, link["path"])
        sort = "tree" if (root / path).is_dir() else "blob"
        return f"]({config['extra']['repository']}/{sort}/main/{path}{link['anchor'] or ''})"

    return OUTWARD.sub(absolute, markdown)
