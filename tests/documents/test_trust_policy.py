"""``[trust]`` in ``tinyai.toml``: who may sign what, and when."""

from __future__ import annotations

import tomllib
from datetime import date

import pytest

from tinyai_registry.documents.config import find_config
from tinyai_registry.documents.signature_bundle import SignatureBundle, read_bundle
from tinyai_registry.documents.trust_policy import Revocation, Signer, Trust, key_fingerprint, read_trust
from tinyai_registry.errors import ConfigError

BROKEN = {
    'require = "some"': "trust.require is one of production, all, none",
    "require = true": "require is a string",
    'colour = "red"': "has no setting 'colour'",
    "signers = [1]": "is a table",
    'signers = [{ name = "A" }]': "has a name, and one of key, certificate and identity",
    'signers = [{ key = "a.pub" }]': "has a name, and one of key, certificate and identity",
    'signers = [{ name = "A", key = "a", certificate = "b" }]': "one of key, certificate and identity",
    'signers = [{ name = "A", identity = "a@b" }]': "an identity counts by its issuer",
    'signers = [{ name = "A", key = "a", models = [1] }]': "models are patterns",
    'signers = [{ name = "A", key = "a", since = "2026-01-01" }]': "since is a date",
    'signers = [{ name = "A", key = "a", since = 2026-01-01T00:00:00 }]': "since is a date",
    'signers = [{ name = "A", key = "a", colour = "red" }]': "has no setting 'colour'",
    'revoked = [{ key = "a" }]': "has one of key and release, with since and reason",
    'revoked = [{ key = "a", since = 2026-01-01, reason = "r" }]': "a key is its fingerprint",
    "revoked = [{ since = 2026-01-01, reason = 'r' }]": "has one of key and release",
}


@pytest.mark.parametrize("said", BROKEN)
def test_what_is_no_setting_is_refused(tmp_path, said):
    (tmp_path / "tinyai.toml").write_text(f"[trust]\n{said}\n")
    with pytest.raises(ConfigError) as caught:
        find_config(tmp_path)
    assert BROKEN[said] in str(caught.value)
    assert "tinyai.toml" in str(caught.value)


def test_trust_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "tinyai.toml").write_text('trust = "everyone"\n')
    with pytest.raises(ConfigError, match="trust"):
        find_config(tmp_path)


def test_paths_are_those_of_the_project(tmp_path):
    said = tomllib.loads('signing_key = "k.pem"\nsigners = [{ name = "A", key = "a.pub", models = ["x_*"] }]')
    trust = read_trust(said, tmp_path, "tinyai.toml")
    assert trust.signing_key == tmp_path / "k.pem"
    assert trust.signers == (Signer("A", key=tmp_path / "a.pub", models=("x_*",)),)
    assert trust.require == "production"


@pytest.mark.parametrize(
    ("model", "made", "may"),
    [
        ("x_v1", date(2026, 1, 1), True),
        ("x_v1", date(2026, 6, 30), True),
        ("x_v1", date(2025, 12, 31), False),
        ("x_v1", date(2026, 7, 1), False),
        ("X_v1", date(2026, 1, 1), False),
        ("y_v1", date(2026, 1, 1), False),
    ],
)
def test_a_signer_counts_for_some_models_and_days(model, made, may):
    signer = Signer("A", models=("x_*",), since=date(2026, 1, 1), until=date(2026, 6, 30))
    assert signer.may_sign(model, made) is may


def test_what_is_revoked_counts_from_that_day_on():
    trust = Trust(
        revoked=(Revocation(date(2026, 5, 1), "stolen", key="k"), Revocation(date(2026, 5, 1), "bad", None, "r"))
    )
    assert trust.revocation_of(date(2026, 4, 30), key="k", release="r") is None
    assert trust.revocation_of(date(2026, 5, 1), key="k").reason == "stolen"
    assert trust.revocation_of(date(2026, 5, 2), release="r").reason == "bad"
    assert trust.revocation_of(date(2026, 5, 2), key=None, release="k") is None


@pytest.mark.parametrize(
    ("require", "stage", "has_to"),
    [
        ("production", "production", True),
        ("production", None, True),
        ("production", "proposed", False),
        ("all", "proposed", True),
        ("none", "production", False),
    ],
)
def test_which_models_have_to_be_signed(require, stage, has_to):
    assert Trust(require=require).requires(stage) is has_to


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no key or certificate in PEM"),
        ("-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----\n", "is no key or certificate in PEM"),
        ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "not a PUBLIC KEY"),
        ("x" * 70_000, "has 70000 bytes"),
    ],
)
def test_what_is_no_public_key_is_refused(tmp_path, text, told):
    (tmp_path / "a.pub").write_text(text)
    with pytest.raises(ConfigError, match=told):
        key_fingerprint(tmp_path / "a.pub")
    with pytest.raises(ConfigError, match="is missing"):
        key_fingerprint(tmp_path / "b.pub")


def test_a_fingerprint_does_not_hang_on_line_ends(tmp_path):
    body = "QUFB" * 20
    (tmp_path / "a.pub").write_bytes(
        f"-----BEGIN PUBLIC KEY-----\n{body[:64]}\n{body[64:]}\n-----END PUBLIC KEY-----\n".encode()
    )
    (tmp_path / "b.pub").write_bytes(f"-----BEGIN PUBLIC KEY-----\r\n{body}\r\n-----END PUBLIC KEY-----".encode())
    assert key_fingerprint(tmp_path / "a.pub") == key_fingerprint(tmp_path / "b.pub")


def test_a_certificate_is_found_by_its_bytes_and_an_identity_by_its_words(tmp_path):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nQUFBQQ==\n-----END CERTIFICATE-----\n")
    house = Signer("House", certificate=tmp_path / "ca.pem")
    flow = Signer("Flow", identity="https://example.org/flow", issuer="https://example.org")
    trust = Trust((house, flow))
    assert trust.named_by(SignatureBundle(certificates=(b"leaf", b"AAAA"))) == (house,)
    assert trust.named_by(SignatureBundle(certificates=(b"..https://example.org/flow..",))) == (flow,)
    assert trust.named_by(SignatureBundle()) == ()


@pytest.mark.parametrize("document", [{}, {"dsseEnvelope": {}}, {"verificationMaterial": []}, {"messageSignature": 1}])
def test_what_says_nothing_is_no_bundle(document):
    assert read_bundle(document) is None
