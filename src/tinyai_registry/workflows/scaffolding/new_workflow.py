"""Writes a GitHub workflow that validates a registry, filled from the template beside this module."""

from __future__ import annotations

import json
from importlib import metadata, resources
from pathlib import Path
from string import Template

from tinyai_registry.errors import ScaffoldError
from tinyai_registry.files import write_new
from tinyai_registry.store import repository

FILE = Path(".github", "workflows", "tinyai.yml")


def find_top(registry: Path, project: Path) -> Path:
    """Where a code host looks for the workflows of ``registry``: see :func:`write_workflow`."""
    here, above = registry.resolve(), project.resolve()
    return repository.find_top(registry) or (above if here.is_relative_to(above) else here)


def write_workflow(registry: Path, project: Path, *, reproduces: bool = False) -> Path:
    """Write the workflow for the folder ``registry`` at the top of the repository that it lies in; return the file.

    If it ``reproduces``, a second job makes again what a pull request changes.

    Where it lies in none, the folder ``project`` of its tinyai.toml is taken for the top of one; a registry that lies
    elsewhere is the top itself. Raises ScaffoldError if there is such a file, or it cannot be
    written.
    """
    top = find_top(registry, project)
    within, file = repository.within(registry, top), top / FILE
    if not file.resolve().is_relative_to(top):
        raise ScaffoldError(f"{file} lies behind a link that leads out of {top}; nothing was written")
    names = ("workflow.yml.template", "workflow_reproduce.yml.template") if reproduces else ("workflow.yml.template",)
    folder = resources.files(__package__) / "templates"
    template = "".join((folder / name).read_text(encoding="utf-8") for name in names)
    # A JSON string is a YAML string.
    quoted = json.dumps(within, ensure_ascii=False)
    text = Template(template).substitute(registry=quoted, version=metadata.version("tinyai-registry"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_new(file, text.encode())
    except FileExistsError:
        second = "; move it away, and the one that is written then has both jobs" if reproduces else ""
        raise ScaffoldError(f"{file} exists already; it was not changed{second}") from None
    except OSError as error:
        raise ScaffoldError(f"cannot write {file}: {error.strerror}") from error
    return file
