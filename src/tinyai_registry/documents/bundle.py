"""The signature bundle of Sigstore, as far as we read it: which bytes it was made for."""

from __future__ import annotations

import base64
from typing import Any


def signed_digest(bundle: dict[str, Any]) -> str | None:
    """SHA-256 in hex of what a Sigstore bundle of a message signature signs; None for other kinds of bundles."""
    try:
        found = bundle["messageSignature"]["messageDigest"]
        if found.get("algorithm") != "SHA2_256":
            return None
        return base64.b64decode(found["digest"], validate=True).hex()
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
