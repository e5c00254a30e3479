"""``tinyai sign MODEL``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.errors import ConfigError, TinyaiError
from tinyai_registry.store.registry import Registry
from tinyai_registry.trust.signing import PrivateKey, read_signable, sign


@click.command()
@click.argument("model", required=False)
@click.option("--all", "everything", is_flag=True, help="Sign the release of every model.")
@click.option("--key", type=click.Path(path_type=Path), help="The private key, PEM [default: trust.signing_key].")
@click.option(
    "--certificate",
    "certificates",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The certificate of the key, then those above it.",
)
@click.option(
    "--keyless", is_flag=True, help="With the identity of the workflow that this runs in, by Sigstore; needs a network."
)
@registry_option
@in_session
def command(
    session: Session,
    model: str | None,
    everything: bool,
    key: Path | None,
    certificates: tuple[Path, ...],
    keyless: bool,
    registry: Path | None,
) -> int:
    """Sign all files of a release as one; the bundle goes beside it, its name into the row.

    A release is signed only while its files are those of its row and log. `openssl ecparam -name prime256v1 -genkey
    -noout -out KEY` makes a key, `openssl ec -in KEY -pubout -out PUB` the public one.
    """
    if everything == (model is not None):
        raise TinyaiError("name one MODEL, or give --all")
    if keyless and (key or certificates):
        raise TinyaiError("--keyless goes without a key or a certificate")
    opened = session.open_to_write(registry)
    private = None if keyless else _private_key(session, key, certificates)
    signed = {}
    for each in _whole(opened) if model is None else [model]:
        signable = read_signable(opened.root, each, session.config.runtime)
        signed[each] = sign(opened.root, signable, private)
    if session.as_json:
        session.answer({"signed": signed})
    else:
        session.say(*(f"{each}: signed, see {name}" for each, name in signed.items()))
    return 0


def _private_key(session: Session, key: Path | None, certificates: tuple[Path, ...]) -> PrivateKey:
    trust = session.config.trust
    path = key or (trust.signing_key if trust else None)
    if path is None:
        raise ConfigError('with which key? Give --key KEY, or name it in tinyai.toml: [trust] signing_key = "KEY"')
    return PrivateKey(path, certificates)


def _whole(registry: Registry) -> list[str]:
    """Every model but the members of ensembles, which are signed with these."""
    found = [registry.find(str(row["id"])) for row in registry.rows if isinstance(row.get("id"), str)]
    return [str(each.row["id"]) for each in found if each is not None and "member_of" not in (each.sidecar or {})]
