"""What a Sigstore bundle says that it signs, and who it says signed it. Nothing here checks the signature.

Of two kinds: a message signature (``cosign sign-blob``), which has the digest of one file, and a DSSE envelope of a
statement by OpenSSF's model-signing, which lists the digests of several.
Format: https://docs.sigstore.dev/about/bundle/.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import DocumentError

MODEL_SIGNATURE = "https://model_signing/signature/v1.0"


@dataclass(frozen=True)
class SignatureBundle:
    """``files`` are the digests of the files that are signed as the model ``subject``; or ``message`` is that of one.

    ``key`` is the fingerprint of the public key, or ``certificates`` are the signer's and those above it, as DER.
    """

    files: Mapping[str, str] | None = None
    subject: str | None = None
    message: str | None = None
    key: str | None = None
    certificates: tuple[bytes, ...] = ()


def read_bundle(document: Mapping[str, Any]) -> SignatureBundle | None:
    """What the bundle ``document`` says; None where it does not say what it signs."""
    try:
        key, certificates = _signer(document.get("verificationMaterial", {}))
        if "dsseEnvelope" not in document:
            return SignatureBundle(message=_message(document), key=key, certificates=certificates)
        [_] = document["dsseEnvelope"]["signatures"]  # of a second one nobody would look at the first
        payload = b64decode(document["dsseEnvelope"]["payload"], validate=True)
        said = strict_json.loads(payload, "the payload")
        if said["predicateType"] != MODEL_SIGNATURE:
            return None
        [subject] = said["subject"]
        return SignatureBundle(_files(said["predicate"]["resources"]), str(subject["name"]), None, key, certificates)
    except (AttributeError, DocumentError, KeyError, TypeError, ValueError):
        return None


def _message(document: Mapping[str, Any]) -> str:
    digest = document["messageSignature"]["messageDigest"]
    if digest["algorithm"] != "SHA2_256":
        raise ValueError(json.dumps(digest["algorithm"]))
    return b64decode(digest["digest"], validate=True).hex()


def _files(resources: Any) -> dict[str, str]:
    files = {str(each["name"]): str(each["digest"]) for each in resources if each["algorithm"] == "sha256"}
    if len(files) != len(resources):
        raise ValueError("a file twice, or another algorithm")
    return files


def _signer(material: Mapping[str, Any]) -> tuple[str | None, tuple[bytes, ...]]:
    chain = material.get("x509CertificateChain", {}).get("certificates", [])
    leaf = [material["certificate"]] if "certificate" in material else []
    certificates = tuple(b64decode(each["rawBytes"], validate=True) for each in (*leaf, *chain))
    hint = material.get("publicKey", {}).get("hint")
    return (hint if isinstance(hint, str) else None), certificates
