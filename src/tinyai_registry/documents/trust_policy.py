"""Whom a project trusts to sign which models: the section ``[trust]`` of ``tinyai.toml``.

Keys are files outside every registry: whoever brings a registry must not bring the key that it is checked with.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from tinyai_registry.documents.signature_bundle import SignatureBundle
from tinyai_registry.errors import ConfigError
from tinyai_registry.files import FileProblemError, read_bytes

Requirement = Literal["production", "all", "none"]
REQUIREMENTS: tuple[Requirement, ...] = ("production", "all", "none")
MAX_KEY_BYTES = 2**16

_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----")
_LINE = 64
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Signer:
    """Somebody who may sign: by a public ``key``, by a ``certificate`` of whom they were given theirs, or keyless.

    Keyless is by an ``identity`` (an e-mail address, a workflow) that ``issuer`` vouches for. ``models`` are patterns
    of ids. ``since`` and ``until`` bound the day on which a release was made, both included.
    """

    name: str
    key: Path | None = None
    certificate: Path | None = None
    identity: str | None = None
    issuer: str | None = None
    models: tuple[str, ...] = ("*",)
    since: date | None = None
    until: date | None = None

    def may_sign(self, model: str, made: date) -> bool:
        """Whether a release of ``model`` that was made on that day may have this signature."""
        in_time = (self.since is None or self.since <= made) and (self.until is None or made <= self.until)
        return in_time and any(fnmatchcase(model, pattern) for pattern in self.models)


@dataclass(frozen=True)
class Revocation:
    """A key, by its fingerprint, or a release, by the SHA-256 of its ONNX file, that does not count ``since`` a day."""

    since: date
    reason: str
    key: str | None = None
    release: str | None = None


@dataclass(frozen=True)
class Trust:
    """Who may sign, what was revoked, and which models ``require`` a signature; ``signing_key`` is a private one."""

    signers: tuple[Signer, ...] = ()
    revoked: tuple[Revocation, ...] = ()
    require: Requirement = "production"
    signing_key: Path | None = None

    def named_by(self, bundle: SignatureBundle) -> tuple[Signer, ...]:
        """The signers that ``bundle`` says it is from. Raises ConfigError where the key of one cannot be read."""
        return tuple(signer for signer in self.signers if _is_named(signer, bundle))

    def revocation_of(self, today: date, *, key: str | None = None, release: str | None = None) -> Revocation | None:
        """Why the key with this fingerprint, or the release with this digest, no longer counts."""
        due = (each for each in self.revoked if each.since <= today)
        return next((e for e in due if (key and e.key == key) or (release and e.release == release)), None)

    def requires(self, stage: object) -> bool:
        """Whether a model of this ``stage`` has to be signed; one that says nothing counts as in production."""
        return self.require == "all" or (self.require == "production" and stage != "proposed")

    def require_outside(self, registry: Path) -> None:
        """Raise ConfigError if a key or certificate lies in the ``registry`` that is to be checked with it."""
        for signer in self.signers:
            for path in (signer.key, signer.certificate):
                if path is not None and path.resolve().is_relative_to(registry.resolve()):
                    raise ConfigError(
                        f"[trust] {signer.name}: {path} lies in the registry that it is to check; move it out"
                    )


def _is_named(signer: Signer, bundle: SignatureBundle) -> bool:
    if signer.key is not None:
        return key_fingerprint(signer.key) == bundle.key
    if signer.certificate is not None:
        return certificate_bytes(signer.certificate) in bundle.certificates
    # Who verifies reads the certificate; that it has these words is what can be told without.
    return bool(bundle.certificates) and (signer.identity or "").encode() in bundle.certificates[0]


def key_fingerprint(path: Path) -> str:
    """How a bundle names the public key at ``path``: the SHA-256, in hex, of the key as PEM. Raises ConfigError."""
    label, der = _read_pem(path)
    if label != "PUBLIC KEY":
        raise ConfigError(f"{path} holds a {label}, not a PUBLIC KEY (`openssl ec -in KEY -pubout`)")
    text = b64encode(der).decode()
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    pem = "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))
    return hashlib.sha256(pem.encode()).hexdigest()


def certificate_bytes(path: Path) -> bytes:
    """The certificate at ``path``, the first in the file, as DER. Raises ConfigError."""
    return _read_pem(path)[1]


def _read_pem(path: Path) -> tuple[str, bytes]:
    try:
        found = _PEM.search(read_bytes(path, MAX_KEY_BYTES))
    except FileProblemError as error:
        raise ConfigError(f"[trust] {path} {error.what}") from error
    except OSError as error:
        raise ConfigError(f"[trust] cannot read {path}: {error.strerror}") from error
    if found is None:
        raise ConfigError(f"[trust] {path} is no key or certificate in PEM")
    try:
        return found[1].decode(), b64decode(b"".join(found[2].split()), validate=True)
    except ValueError as error:
        raise ConfigError(f"[trust] {path} is no key or certificate in PEM") from error


# --- reading tinyai.toml

_SIGNER: dict[str, type] = {"name": str, "key": str, "certificate": str, "identity": str, "issuer": str}
_SIGNER |= {"models": list, "since": date, "until": date}
_REVOKED: dict[str, type] = {"key": str, "release": str, "since": date, "reason": str}
_TRUST: dict[str, type] = {"require": str, "signing_key": str, "signers": list, "revoked": list}


def read_trust(said: Mapping[str, Any], root: Path, where: str) -> Trust:
    """``[trust]`` as ``where`` says it; paths are relative to ``root``. Raises ConfigError for what is no setting."""
    _check(said, _TRUST, f"{where}: [trust]")
    require = said.get("require", "production")
    if require not in REQUIREMENTS:
        raise ConfigError(f"{where}: trust.require is one of {', '.join(REQUIREMENTS)}")
    return Trust(
        signers=tuple(_signer(each, root, f"{where}: [[trust.signers]]") for each in said.get("signers", ())),
        revoked=tuple(_revocation(each, f"{where}: [[trust.revoked]]") for each in said.get("revoked", ())),
        require=require,
        signing_key=root / Path(said["signing_key"]).expanduser() if "signing_key" in said else None,
    )


def _signer(said: Any, root: Path, where: str) -> Signer:
    _check(said, _SIGNER, where)
    if len(said.keys() & {"key", "certificate", "identity"}) != 1 or "name" not in said:
        raise ConfigError(f"{where} has a name, and one of key, certificate and identity")
    if ("identity" in said) is not ("issuer" in said):
        raise ConfigError(f"{where} {said['name']}: an identity counts by its issuer; give both")
    models = said.get("models", ["*"])
    if not all(isinstance(each, str) for each in models):
        raise ConfigError(f"{where} {said['name']}: models are patterns of ids")
    paths = {key: root / Path(said[key]).expanduser() for key in ("key", "certificate") if key in said}
    return Signer(**{**said, **paths, "models": tuple(models)})


def _revocation(said: Any, where: str) -> Revocation:
    _check(said, _REVOKED, where)
    named = said.keys() & {"key", "release"}
    if len(named) != 1 or not {"since", "reason"} <= said.keys():
        raise ConfigError(f"{where} has one of key and release, with since and reason")
    if not all(_SHA256.fullmatch(said[each]) for each in named):
        raise ConfigError(
            f"{where}: a key is its fingerprint (`tinyai verify --json`), a release the SHA-256 of its ONNX"
        )
    return Revocation(**said)


def _check(said: Any, known: Mapping[str, type], where: str) -> None:
    if not isinstance(said, Mapping):
        raise ConfigError(f"{where} is a table")
    for key, value in said.items():
        if key not in known:
            raise ConfigError(f"{where} has no setting {key!r}; it has {', '.join(known)}")
        if not isinstance(value, known[key]) or isinstance(value, datetime):
            word = {str: "a string", list: "a list", date: "a date"}[known[key]]
            raise ConfigError(f"{where}: {key} is {word}")
