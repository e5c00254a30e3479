"""Ways to forge a release or to replay a signature: what validate finds without and with [trust], and what verify says.

Keys are made by openssl; nothing here needs a network.
"""

from __future__ import annotations

import random
import shutil
import tomllib
from pathlib import Path

import forger
import pytest
import victim

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.trust_policy import key_fingerprint
from tinyai_registry.files import sha256_of

pytest.importorskip("model_signing")
if not shutil.which("openssl"):
    pytest.skip("openssl makes the keys", allow_module_level=True)

CASES = sorted(Path(__file__).with_name("forgeries").glob("*.toml"))
TRUST = """
[registry]
path = "registry"
[trust]
require = "{require}"
signers = [
    {{ name = "Ada", key = "ada.pub" }},
    {{ name = "Bob", key = "bob.pub", models = ["other_*"] }},
    {{ name = "Carol", key = "old.pub", until = 2019-12-31 }},
    {{ name = "Dave", key = "stolen.pub" }},
]
[[trust.revoked]]
key = "{stolen}"
since = 2020-01-01
reason = "stolen"
[[trust.revoked]]
release = "{first}"
since = 2020-02-01
reason = "trained on the test rows"
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Two models in a project, both signed by Ada, one of them twice; beside it the registry as it was at first."""
    project = tmp_path_factory.mktemp("project")
    for name in ("ada", "bob", "old", "stolen", "eve"):
        forger.make_key(project, name)
    root = victim.build_logged(project / "registry", attested=True)
    forger.other_model(root)
    for model in (forger.MODEL, "other_v1"):
        forger.sign_as(root / f"{model}.sigstore.json", "ada")
    shutil.copytree(root, project / "first")
    forger.release(root, 1.5)
    forger.sign_as(root / forger.BUNDLE, "ada")
    return project


def settings(project, require="production"):
    first = sha256_of((project / "first" / f"{forger.MODEL}.onnx").read_bytes())
    return TRUST.format(require=require, stolen=key_fingerprint(project / "stolen.pub"), first=first)


@pytest.fixture
def project(kept, tmp_path, monkeypatch):
    """A project of one's own, in which [trust] is set."""
    folder = shutil.copytree(kept, tmp_path / "project")
    (folder / "tinyai.toml").write_text(settings(kept))
    monkeypatch.chdir(folder)
    return folder


def errors(ran):
    return sorted({each["code"] for each in ran.json["findings"] if each["severity"] == "error"})


def test_what_was_signed_holds_and_says_whose_it_is(tinyai, project):
    assert errors(tinyai("validate", "--json")) == []
    ran = tinyai("verify", "--json")
    assert ran.code == 0
    assert {each["model"]: each["who"] for each in ran.json["models"]} == {forger.MODEL: "Ada", "other_v1": "Ada"}
    assert ran.json["models"][0]["key"] == key_fingerprint(project / "ada.pub")
    assert tinyai("verify", forger.MODEL, "--key", "ada.pub").out == f"{forger.MODEL}: signed by ada.pub\n"
    assert tinyai("verify", forger.MODEL, "--key", "bob.pub").code == 1


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_forgery_is_found(tinyai, kept, project, path):
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    root = project / "registry"
    forger.carry_out(root, case["do"])
    (project / "tinyai.toml").write_text('[registry]\npath = "registry"\n')
    assert errors(tinyai("validate", "--json")) == sorted(case.get("without_trust", []))
    (project / "tinyai.toml").write_text(settings(kept, case.get("require", "production")))
    ran = tinyai("validate", "--json")
    assert errors(ran) == sorted(case.get("with_trust", case.get("without_trust", [])))
    ran = tinyai("verify", forger.MODEL, "--json")
    assert ran.code == 1
    [said] = ran.json["models"]
    assert said["holds"] is False
    assert case["says"] in said["why"]


def test_there_are_many_forgeries():
    assert len(CASES) >= 25


def test_every_single_bit_of_every_file_counts(tinyai, project):
    """200 bits, drawn from all files of the release: no one of them can be another unseen."""
    root, generator = project / "registry", random.Random(0)
    names = [each.name for each in root.glob(f"{forger.MODEL}.*") if each.name != forger.BUNDLE]
    assert len(names) == 4
    signable = read(root)
    for _ in range(200):
        name = generator.choice(names)
        bit = generator.randrange(8 * len(signable.files[name]))
        flipped = bytearray(signable.files[name])
        flipped[bit // 8] ^= 1 << bit % 8
        assert not holds(project, signable, {**signable.files, name: bytes(flipped)}), (name, bit)
    assert holds(project, signable, signable.files)


def read(root):
    from tinyai_registry.trust.signing import read_signable

    return read_signable(root, forger.MODEL, "libvmaf")


def holds(project, signable, files):
    """Asked of the signature alone, with digests that were made to fit."""
    from dataclasses import replace

    from tinyai_registry.documents.trust_policy import Signer
    from tinyai_registry.trust.signing import check_signature

    return check_signature(replace(signable, files=files), Signer("Ada", key=project / "ada.pub")) is None


@pytest.mark.parametrize("file", ["onnx", "json", "md", "intoto.json"])
def test_a_flipped_bit_on_the_disk_is_found_by_the_command(tinyai, project, file):
    forger.flip(project / "registry" / f"{forger.MODEL}.{file}", 999)
    ran = tinyai("verify", forger.MODEL)
    assert ran.code == 1
    assert "not proved" in ran.out


# --- signing


def test_a_model_is_signed_at_the_path_that_its_row_names(tinyai, project):
    root = project / "registry"
    index = strict_json.read(root / "registry.json")
    index["models"][0]["sigstore_bundle"] = "signatures/of_it.json"
    (root / "registry.json").write_text(strict_json.dumps(index))
    assert tinyai("sign", forger.MODEL, "--key", "ada.pem", "--json").json == {
        "signed": {forger.MODEL: "signatures/of_it.json"}
    }
    assert tinyai("verify", forger.MODEL).code == 0


def test_all_are_signed_by_the_key_that_is_configured(tinyai, project):
    (project / "tinyai.toml").write_text(settings(project).replace("[trust]", '[trust]\nsigning_key = "ada.pem"'))
    for bundle in (project / "registry").glob("*.sigstore.json"):
        bundle.unlink()
    assert tinyai("sign", "--all").code == 0
    assert tinyai("verify").code == 0


def test_a_refresh_signs_what_it_publishes_where_a_key_is_configured(tinyai, project, duo, frame, write_table):
    table = write_table(frame)
    toml = f'[registry]\npath = "registry"\n[tables]\nstand-in = "{table}"\n[trust]\nsigning_key = "ada.pem"\n'
    (project / "tinyai.toml").write_text(toml)
    ran = tinyai("refresh", "duo_v1")
    assert ran.code == 0
    assert "duo_v1: signed, see duo_v1.sigstore.json" in ran.err
    assert tinyai("verify", "duo_v1", "--key", "ada.pub").code == 0
    again = tinyai("refresh", "duo_v1", "--force")
    assert "unsigned" not in again.err
    assert tinyai("verify", "duo_v1", "--key", "ada.pub").code == 0
    (project / "tinyai.toml").write_text(toml.replace("ada.pem", "nowhere.pem"))
    ran = tinyai("refresh", "duo_v1", "--force")
    assert ran.code == 2
    assert "duo_v1 is published, and not signed" in ran.err
    assert tinyai("verify", "duo_v1", "--key", "ada.pub").code == 1


def test_a_signature_that_a_refresh_makes_untrue_is_told_on_the_terminal_and_the_card_holds_once_it_is_renewed(
    tinyai, project, duo, frame, write_table
):
    words = ("refresh", "duo_v1", "--table", write_table(frame), "--force")
    told = "duo_v1.sigstore.json: a signature bundle signs other bytes (TAI712)"
    assert tinyai(*words, "--json").json["unsigned"] is None
    tinyai("sign", "duo_v1", "--key", "ada.pem")
    assert tinyai(*words, "--dry-run", "--json").json["unsigned"] == told
    assert f"unsigned {told}; `tinyai sign duo_v1`" in tinyai(*words).err
    tinyai("sign", "duo_v1", "--key", "ada.pem")
    assert tinyai("verify", "duo_v1", "--key", "ada.pub").code == 0
    for name in ("duo_v1.md", "duo_v1.json"):
        assert "TAI712" not in (project / "registry" / name).read_text(encoding="utf-8")


def test_other_curves_do_as_well(tinyai, project):
    forger.make_key(project, "wide", "secp384r1")
    assert tinyai("sign", forger.MODEL, "--key", "wide.pem").code == 0
    assert tinyai("verify", forger.MODEL, "--key", "wide.pub").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name one MODEL, or give --all"),
        ([forger.MODEL, "--all"], "name one MODEL, or give --all"),
        ([forger.MODEL], "with which key?"),
        ([forger.MODEL, "--key", "ada.pem", "--keyless"], "--keyless goes without a key"),
        ([forger.MODEL, "--key", "ada.pub"], "cannot sign fr_regressor_v1"),
        ([forger.MODEL, "--key", "nowhere.pem"], "cannot read the key nowhere.pem: it is missing"),
        ([forger.MODEL, "--key", "."], "cannot read the key .: it is a folder"),
        (
            [forger.MODEL, "--key", "ada.pem", "--certificate", "no.pem"],
            "cannot read the certificate no.pem: it is missing",
        ),
        ([forger.MODEL, "--key", "registry/ada.pem"], "lies in the registry"),
        (["none_v1", "--key", "ada.pem"], "has no model 'none_v1'"),
    ],
)
def test_what_cannot_be_signed_is_said_and_nothing_changes(tinyai, project, digests, words, told):
    shutil.copy(project / "ada.pem", project / "registry")
    before = digests(project / "registry")
    ran = tinyai("sign", *words)
    assert ran.code == 2
    assert told in ran.err
    assert digests(project / "registry") == before


def test_what_is_not_as_it_was_published_is_not_signed(tinyai, project):
    forger.flip(project / "registry" / f"{forger.MODEL}.md", 99)
    ran = tinyai("sign", forger.MODEL, "--key", "ada.pem")
    assert ran.code == 2
    assert "is not what was registered" in ran.err


def test_a_release_that_changes_while_it_is_signed_is_not_signed(project, monkeypatch):
    from tinyai_registry.errors import RegistryError
    from tinyai_registry.trust.signing import PrivateKey, sign

    signable = read(project / "registry")
    forger.release(project / "registry", 2.0)
    with pytest.raises(RegistryError, match="published again while it was signed"):
        sign(project / "registry", signable, PrivateKey(project / "ada.pem"))


def test_a_key_in_the_registry_is_no_key_to_check_it_with(tinyai, project):
    shutil.copy(project / "eve.pub", project / "registry")
    ran = tinyai("verify", "--key", "registry/eve.pub")
    assert ran.code == 2
    assert "lies in the registry that it is to check" in ran.err
    (project / "tinyai.toml").write_text(settings(project).replace('"ada.pub"', '"registry/eve.pub"'))
    assert tinyai("validate").code == 2


def test_without_a_key_nothing_is_verified(tinyai, project):
    (project / "tinyai.toml").write_text('[registry]\npath = "registry"\n')
    ran = tinyai("verify")
    assert ran.code == 2
    assert "whose signature?" in ran.err


def test_models_that_need_not_be_signed_fail_only_when_they_are_asked_for(tinyai, project):
    root = project / "registry"
    index = strict_json.read(root / "registry.json")
    del index["models"][1]["sigstore_bundle"]
    (root / "registry.json").write_text(strict_json.dumps(index))
    assert tinyai("verify").code == 1
    (project / "tinyai.toml").write_text(settings(project, "none"))
    assert tinyai("verify").code == 0
    assert tinyai("verify", "other_v1").code == 1


def test_a_certificate_stands_for_the_keys_that_it_vouches_for(tinyai, project):
    import subprocess

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    openssl("req", "-x509", "-new", "-key", "eve.pem", "-subj", "/CN=House", "-days", "30", "-out", "house.crt")
    openssl("req", "-new", "-key", "ada.pem", "-subj", "/CN=Ada", "-out", "ada.csr")
    Path("usage").write_text("keyUsage=digitalSignature\n")
    openssl(
        *("x509", "-req", "-in", "ada.csr", "-CA", "house.crt", "-CAkey", "eve.pem", "-CAcreateserial"),
        *("-days", "10", "-extfile", "usage", "-out", "ada.crt"),
    )
    words = ["--key", "ada.pem", "--certificate", "ada.crt", "--certificate", "house.crt"]
    assert tinyai("sign", forger.MODEL, *words).code == 0
    assert tinyai("verify", forger.MODEL, "--certificate", "house.crt").code == 0
    openssl("req", "-x509", "-new", "-key", "bob.pem", "-subj", "/CN=Other", "-days", "30", "-out", "other.crt")
    assert tinyai("verify", forger.MODEL, "--certificate", "other.crt").code == 1
