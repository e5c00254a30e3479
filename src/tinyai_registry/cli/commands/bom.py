"""``tinyai bom``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.output_file import require_writable, write
from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents import strict_json
from tinyai_registry.text import count
from tinyai_registry.trust.bill import compose


@click.command()
@registry_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it here instead of on standard output.")
@in_session
def command(session: Session, registry: Path | None, output: Path | None) -> int:
    """Write a bill of materials of the registry: models, files, licences, cards, data sets; CycloneDX 1.6."""
    require_writable(output)
    document = compose(session.open_to_read(registry).root, session.config.runtime)
    if output is None:
        session.answer(document)
        return 0
    write(output, strict_json.dumps(document))
    if session.as_json:
        session.answer({"bom": str(output), "components": len(document["components"])})
    else:
        session.say(f"{count(len(document['components']), 'component')}, see {output}")
    return 0
