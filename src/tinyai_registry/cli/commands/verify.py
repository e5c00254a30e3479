"""``tinyai verify [MODEL]``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents.trust_policy import Signer, Trust
from tinyai_registry.errors import ConfigError, DocumentError, RegistryError
from tinyai_registry.store.registry import Registry
from tinyai_registry.trust.signing import Endorsement, read_signable, verify

UNPROVED = 1


@click.command()
@click.argument("model", required=False)
@click.option(
    "--key", type=click.Path(path_type=Path), help="The signer's public key, PEM [default: those of [trust]]."
)
@click.option(
    "--certificate", type=click.Path(path_type=Path), help="The certificate from which the signer's comes, PEM."
)
@registry_option
@in_session
def command(
    session: Session, model: str | None, key: Path | None, certificate: Path | None, registry: Path | None
) -> int:
    """Check signatures: that they hold, whose they are, that they sign what row, log and disk agree on.

    Without MODEL every model; one without a signature fails unless [trust] of tinyai.toml does not require any. Keys
    are never taken from the registry. Exit codes: 0 every signature holds, 1 one does not, 2 bad input.
    """
    opened = session.open_to_read(registry)
    trust = _trust(session.config.trust, key, certificate)
    trust.require_outside(opened.root)
    today = datetime.now(UTC).date()
    ids = [str(row.get("id")) for row in opened.rows] if model is None else [model]
    found = [each for each in (_one(session, opened, each, trust, today) for each in ids) if each is not None]
    excused = {
        each.model for each in found if not each.holds and model is None and _may_go_without(opened, each, session)
    }
    if session.as_json:
        session.answer({"models": [asdict(each) for each in found]})
    else:
        session.say(*_lines(found))
    return UNPROVED if any(not each.holds and each.model not in excused for each in found) else 0


def _trust(configured: Trust | None, key: Path | None, certificate: Path | None) -> Trust:
    """Whom to believe: whoever the command line names, else whoever ``[trust]`` names; what is revoked stays so."""
    named = [Signer(path.name, key=path) for path in [key] if path is not None]
    named += [Signer(path.name, certificate=path) for path in [certificate] if path is not None]
    trust = configured or Trust()
    if named:
        return replace(trust, signers=tuple(named))
    if not trust.signers:
        raise ConfigError("whose signature? Give --key PUB, or name signers in tinyai.toml: [[trust.signers]]")
    return trust


def _one(session: Session, opened: Registry, model: str, trust: Trust, today: date) -> Endorsement | None:
    """None for a member of an ensemble, which is signed with that."""
    try:
        signable = read_signable(opened.root, model, session.config.runtime)
    except (DocumentError, RegistryError) as error:
        if opened.row(model) is None:
            raise
        return Endorsement(model, holds=False, why=str(error))
    return None if "member_of" in signable.subject.said else verify(signable, trust, today)


def _may_go_without(opened: Registry, found: Endorsement, session: Session) -> bool:
    """Whether a model that nobody has signed need not be; never one whose signature does not hold."""
    trust, registered = session.config.trust, opened.find(found.model)
    if trust is None or registered is None or "sigstore_bundle" in registered.row:
        return False
    return not trust.requires((registered.sidecar or {}).get("stage"))


def _lines(found: list[Endorsement]) -> Iterator[str]:
    for each in found:
        yield f"{each.model}: signed by {each.who}" if each.holds else f"{each.model}: not proved: {each.why}"
