"""``tinyai schema [NAME]``."""

from __future__ import annotations

import click

from tinyai_registry.cli.session import Session, in_session
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.schema import NAMES, load
from tinyai_registry.errors import DocumentError
from tinyai_registry.text import suggest


@click.command()
@click.argument("name", required=False)
@in_session
def command(session: Session, name: str | None) -> int:
    """Print a JSON Schema; without a NAME, list them.

    An editor that finds it through "$schema" completes and checks as you type.
    """
    schemas = {each: load(each) for each in NAMES}
    if name is not None:
        found = next((schema for each, schema in schemas.items() if each == name), None)
        if found is None:
            raise DocumentError(f"there is no schema {name!r}; there are: {', '.join(NAMES)}{suggest(name, NAMES)}")
        session.answers.write(strict_json.dumps(found, sort_keys=False))
    elif session.as_json:
        session.answer({"schemas": [{"name": each, "title": schema["title"]} for each, schema in schemas.items()]})
    else:
        width = max(map(len, NAMES))
        for each, schema in schemas.items():
            session.answers.write(f"{each.ljust(width)}  {schema['title']}\n")
    return 0
