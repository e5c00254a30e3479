"""``tinyai new-plugin NAME``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session
from tinyai_registry.workflows.scaffolding.new_plugin import write_plugin


@click.command(name="new-plugin")
@click.argument("name")
@click.option(
    "--into", type=click.Path(path_type=Path), default=Path(), help="Where the plugin's folder goes [default: .]."
)
@in_session
def command(session: Session, name: str, into: Path) -> int:
    """Write a new plugin: recipe, made table, tests, ready to install.

    NAME is one or more lower-case words joined by underscores, such as my_vmaf: the model is then my_vmaf_v1, and the
    folder tinyai-my-vmaf.
    """
    folder = write_plugin(name, into)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if session.as_json:
        session.answer({"plugin": name, "model": f"{name}_v1", "folder": str(folder), "files": files})
    else:
        session.say(*(str(folder / file) for file in files))
        session.say(f"now: cd {folder} && pip install -e '.[test]' && pytest")
    return 0
