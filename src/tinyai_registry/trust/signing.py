"""Signing a release as one, and verifying that: OpenSSF's model-signing does the cryptography.

It signs a folder. So the files of the release, and no others, are copied into one that is called like the model, which
is what the signature then names. https://github.com/sigstore/model-transparency
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tinyai_registry.checks.signatures import KEY, made_on, mismatch, release_files
from tinyai_registry.checks.subject import Subject, read_subject
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.signature_bundle import SignatureBundle, read_bundle
from tinyai_registry.documents.trust_policy import Signer, Trust
from tinyai_registry.errors import DocumentError, RegistryError, TinyaiError
from tinyai_registry.files import MAX_BYTES, File, FileProblemError, Folder, explain, read_bytes
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.store import chain
from tinyai_registry.store.endorsement import put_signature
from tinyai_registry.store.log import find_published
from tinyai_registry.store.snapshot import read_release


class SignatureError(TinyaiError):
    """A signature cannot be made."""


@dataclass(frozen=True)
class PrivateKey:
    """What is signed with: a key in PEM, and the certificates that vouch for it, the signer's own first, if any."""

    path: Path
    certificates: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Signable:
    """A release whose files are those of log and row: what there is to sign. ``bundle`` is what signs it, if anything.

    ``digests`` are those of ``files``.
    """

    subject: Subject
    files: Mapping[str, bytes]
    digests: Mapping[str, str]
    bundle: bytes | None

    @property
    def id(self) -> str:
        """The model."""
        return str(self.subject.id)

    @property
    def bundle_name(self) -> str:
        """Where the bundle lies, or is to lie."""
        return str(self.subject.row.get(KEY) or f"{self.subject.stem}.sigstore.json")


@dataclass(frozen=True)
class Endorsement:
    """Whether a signature holds, and ``who`` it is of; if not, ``why``. ``key`` is the fingerprint that it names."""

    model: str
    holds: bool
    who: str | None = None
    why: str | None = None
    key: str | None = None


def read_signable(root: Path, model: str, profile: str) -> Signable:
    """The release of ``model``. Raises RegistryError unless its files are those of row and log, which is whole."""
    release, folder = read_release(root, model), Folder(root)
    for broken in chain.breaks(folder, model):
        raise RegistryError(f"{broken.file}: {broken.message} ({broken.rule.code}); nothing about {model} is certain")
    subject = read_subject(folder, 0, release.row, load_runtime(profile))
    digests = dict(find_published(root, model) or release_files(subject, folder))
    fetched = {name: folder.fetch(name, MAX_BYTES) for name in digests}
    files = {name: each.data for name, each in fetched.items() if isinstance(each, File)}
    if {name: each.sha256 for name, each in fetched.items() if isinstance(each, File)} != digests:
        raise RegistryError(f"the files of {model} are changing; try again")
    name = release.row.get(KEY)
    bundle = folder.fetch(name, strict_json.MAX_BYTES) if isinstance(name, str) else None
    return Signable(subject, files, digests, bundle.data if isinstance(bundle, File) else None)


def sign(root: Path, signable: Signable, key: PrivateKey | None) -> str:
    """Sign the release with ``key``, or keyless with the identity of the workflow that this runs in; return the name.

    Raises SignatureError if the key does not do, RegistryError if the release has changed meanwhile.
    """
    if key is not None and key.path.resolve().is_relative_to(root.resolve()):
        raise SignatureError(f"{key.path} lies in the registry, which others read; move the private key out of it")
    if key is not None:
        _require_readable(key)
    bundle = _sign(signable, key)
    put_signature(root, signable.id, signable.bundle_name, bundle, signable.digests)
    return signable.bundle_name


def _require_readable(key: PrivateKey) -> None:
    for path in (key.path, *key.certificates):
        what = "key" if path == key.path else "certificate"
        try:
            read_bytes(path, strict_json.MAX_BYTES)
        except FileProblemError as error:
            raise SignatureError(f"cannot read the {what} {path}: it {error.what}") from error
        except OSError as error:
            raise SignatureError(f"cannot read the {what} {path}: {explain(error)}") from error


def _sign(signable: Signable, key: PrivateKey | None) -> bytes:
    library = _library("signing")
    with _as_folder(signable) as folder:
        try:
            if key is None:
                config = library.Config().use_sigstore_signer(use_ambient_credentials=True)
            elif key.certificates:
                own, *above = key.certificates
                config = library.Config().use_certificate_signer(
                    private_key=key.path, signing_certificate=own, certificate_chain=above
                )
            else:
                config = library.Config().use_elliptic_key_signer(private_key=key.path)
            config.sign(folder, folder.with_name("bundle"))
        except Exception as error:  # of cryptography, sigstore and others, which have no class in common
            raise SignatureError(f"cannot sign {signable.id}: {_first_line(error)}") from error
        return folder.with_name("bundle").read_bytes()


def verify(signable: Signable, trust: Trust, today: date) -> Endorsement:
    """Whether a signer of ``trust`` has signed exactly this release, and still counts ``today``."""
    model = signable.id
    if signable.bundle is None:
        return Endorsement(model, holds=False, why="nobody has signed it")
    bundle = _read(signable)
    if bundle is None or bundle.files is None:
        return Endorsement(model, holds=False, why=f"{signable.bundle_name} is no signature of a whole release")
    if why := _objection(signable, bundle, trust, today):
        return Endorsement(model, holds=False, why=why, key=bundle.key)
    whys = []
    for signer in trust.named_by(bundle):
        if not signer.may_sign(model, made_on(signable.subject.said, today)):
            whys.append(f"{signer.name} may not sign {model} as it was made then")
        elif error := check_signature(signable, signer):
            whys.append(f"the signature is not that of {signer.name}: {error}")
        else:
            return Endorsement(model, holds=True, who=signer.name, key=bundle.key)
    return Endorsement(model, holds=False, why="; ".join(whys) or "it names nobody who may sign", key=bundle.key)


def _objection(signable: Signable, bundle: SignatureBundle, trust: Trust, today: date) -> str | None:
    """Why the signature does not count, whoever made it."""
    if wrong := mismatch(signable.subject, bundle, signable.digests):
        return f"{signable.bundle_name} {wrong}"
    for what, revoked in (
        ("the release", trust.revocation_of(today, release=str(signable.subject.row.get("sha256")))),
        ("the key", trust.revocation_of(today, key=bundle.key)),
    ):
        if revoked is not None:
            return f"{what} was revoked on {revoked.since}: {revoked.reason}"
    return None


def _read(signable: Signable) -> SignatureBundle | None:
    try:
        document = strict_json.loads(signable.bundle or b"", signable.bundle_name)
    except DocumentError:
        return None
    return read_bundle(document) if isinstance(document, dict) else None


def check_signature(signable: Signable, signer: Signer) -> str | None:
    """Why the signature is not that of ``signer``; None if it is."""
    library = _library("verifying")
    with _as_folder(signable) as folder:
        folder.with_name("bundle").write_bytes(signable.bundle or b"")
        try:
            if signer.key is not None:
                config = library.Config().use_elliptic_key_verifier(public_key=signer.key)
            elif signer.certificate is not None:
                config = library.Config().use_certificate_verifier(certificate_chain=[signer.certificate])
            else:
                config = library.Config().use_sigstore_verifier(
                    identity=signer.identity or "", oidc_issuer=signer.issuer or ""
                )
            config.verify(folder, folder.with_name("bundle"))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, nothing was proved
            return _first_line(error)
    return None


@contextmanager
def _as_folder(signable: Signable) -> Iterator[Path]:
    with TemporaryDirectory() as above:
        folder = Path(above, signable.id)
        for name, data in signable.files.items():
            folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
            folder.joinpath(name).write_bytes(data)
        yield folder


def _library(part: str) -> Any:
    try:
        return import_module(f"model_signing.{part}")
    except ModuleNotFoundError as error:
        raise SignatureError(f"this needs {error.name}: pip install 'tinyai-registry[sign]'") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
