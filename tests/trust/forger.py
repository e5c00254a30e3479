"""Somebody who knows the tool: keys by openssl, releases that were never made, signatures in the wrong place."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import attack
import onnx
import onnxruntime
import victim
from onnx import numpy_helper

from tinyai_registry.documents import attestation, card, parts, row, sidecar, strict_json
from tinyai_registry.documents.trust_policy import key_fingerprint
from tinyai_registry.evaluation import gate
from tinyai_registry.files import sha256_of
from tinyai_registry.recipe import Criterion
from tinyai_registry.release import Account, Release
from tinyai_registry.store.publish import publish

MODEL = "fr_regressor_v1"
BUNDLE = f"{MODEL}.sigstore.json"


def make_key(folder: Path, name: str, curve: str = "prime256v1") -> Path:
    """A private key by openssl, and its public one beside it; returns the private one."""
    key = folder / f"{name}.pem"
    for words in (
        ["ecparam", "-name", curve, "-genkey", "-noout", "-out", str(key)],
        ["ec", "-in", str(key), "-pubout", "-out", str(key.with_suffix(".pub"))],
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    return key


def read_files(root: Path, model: str = MODEL) -> dict[str, bytes]:
    names = (f"{model}.{end}" for end in ("onnx", "json", "md", "intoto.json"))
    return {name: (root / name).read_bytes() for name in names}


# --- releases that were never made


def invent(document: dict, plcc: float) -> None:
    """Every fold did as well as that; summary, gate and headlines follow."""
    for fold in document["evaluation"]["folds"]:
        fold["plcc"] = plcc
    evaluation = parts.evaluation_of(document["evaluation"], document["in_sample"])
    document["evaluation"]["summary"] = parts.evaluation_document(evaluation)["summary"]
    criteria = [Criterion(**each) for each in document["recipe"]["criteria"]]
    document["gate"] = [parts.verdict_document(verdict) for verdict in gate.judge(evaluation, criteria)]
    for key in document["training"]:
        name = key.removeprefix("loso_").removeprefix("cv_")
        wanted = parts.headlines(document["evaluation"], document["in_sample"])
        if name in wanted:
            document["training"][key] = wanted[name]


def remember(document: dict, graph: bytes) -> None:
    """Give the first artifact the test vector that goes with its new weights."""
    vector = document["artifacts"][0].get("test_vector")
    if vector is None:  # a release of before there were any
        return
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feed = {each["tensor"]: _float32(each["values"]) for each in vector["inputs"]}
    for each, values in zip(vector["outputs"], session.run(None, feed), strict=True):
        each["values"] = values.tolist()


def _float32(values):
    import numpy as np

    return np.array(values, dtype=np.float32)


def scale(graph: bytes, by: float) -> bytes:
    model = onnx.load_model_from_string(graph)
    tensor = max(model.graph.initializer, key=lambda each: each.ByteSize())
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array((values * by).astype(values.dtype), tensor.name))
    return model.SerializeToString()


def release(root: Path, by: float, plcc: float | None = None, stage: str = "production") -> None:
    """Publish a release with weights times ``by``, in which everything follows from everything, as the tool does it."""
    model, files = MODEL, read_files(root)
    graph = scale(files[f"{model}.onnx"], by)
    document = json.loads(files[f"{model}.json"])
    document["sha256"] = document["artifacts"][0]["sha256"] = sha256_of(graph)
    document["artifacts"][0]["bytes"] = len(graph)
    document["stage"] = stage
    remember(document, graph)
    if plcc is not None:
        invent(document, plcc)
    made = {f"{model}.onnx": graph, f"{model}.json": sidecar.render(document).encode()}
    made[f"{model}.md"] = card.render(document).encode()
    about = attestation.compose(document, {name: sha256_of(data) for name, data in made.items()})
    made[f"{model}.intoto.json"] = attestation.render(about).encode()
    [before] = [each for each in strict_json.read(root / "registry.json")["models"] if each["id"] == model]
    account = Account("2026-03-04T05:06:07Z", "Trusted Maintainer <trusted@example.org>")
    publish(root, model, lambda: Release(model, made, (row.merge(before, document),)), account)


def other_model(root: Path) -> None:
    """The same under another name, ``other_v1``, with other weights."""
    files = {name.replace(MODEL, "other_v1"): data for name, data in read_files(root).items()}
    document = json.loads(files["other_v1.json"].replace(MODEL.encode(), b"other_v1"))
    files["other_v1.onnx"] = scale(files["other_v1.onnx"], 3.0)
    document["sha256"] = document["artifacts"][0]["sha256"] = sha256_of(files["other_v1.onnx"])
    document["artifacts"][0]["bytes"] = len(files["other_v1.onnx"])
    document["recipe_fingerprint"] = victim.fingerprint(document["recipe"])
    files["other_v1.json"] = sidecar.render(document).encode()
    files["other_v1.md"] = card.render(document).encode()
    del files["other_v1.intoto.json"]
    about = attestation.compose(document, {name: sha256_of(data) for name, data in files.items()})
    files["other_v1.intoto.json"] = attestation.render(about).encode()
    account = Account("2026-01-02T03:04:05Z", "Ada <ada@example.org>")
    publish(root, "other_v1", lambda: Release("other_v1", files, (row.merge(None, document),)), account)


# --- steps of a forgery; each is done to a file of the registry, as those of an attack are


def _edit_statement(path: Path, change) -> None:
    document = strict_json.read(path)
    said = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    change(said)
    document["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(said).encode()).decode()
    path.write_text(strict_json.dumps(document))


def leave_out(path: Path, file: str) -> None:
    """The signed statement no longer lists ``file``."""
    _edit_statement(path, lambda said: _keep(said, lambda each: each["name"] != file))


def _keep(said: dict, wanted) -> None:
    said["predicate"]["resources"] = [each for each in said["predicate"]["resources"] if wanted(each)]


def digests_of_now(path: Path) -> None:
    """The signed statement lists what lies there now."""

    def change(said: dict) -> None:
        for each in said["predicate"]["resources"]:
            each["digest"] = sha256_of((path.parent / each["name"]).read_bytes())

    _edit_statement(path, change)


def call_it(path: Path, model: str) -> None:
    _edit_statement(path, lambda said: said["subject"][0].update(name=model))


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(data))


def sign_as(path: Path, key: str) -> None:
    """Sign the release with a key of somebody, by the tool."""
    from tinyai_registry.trust.signing import PrivateKey, read_signable, sign

    root = path.parent
    model = path.name.removesuffix(".sigstore.json")
    sign(root, read_signable(root, model, "libvmaf"), PrivateKey(root.parent / f"{key}.pem"))


def release_again(path: Path, by: float, plcc: float | None = None) -> None:
    release(path.parent, by, plcc)


def restore(path: Path, to: str) -> None:
    """Put back what lay under a name when the first release was there."""
    shutil.copyfile(path.parent.parent / "first" / path.name, path.parent / to)


def go_back(path: Path) -> None:
    """The tool's own rollback, and the signature of then."""
    from tinyai_registry.store.rollback import rollback

    rollback(path.parent, MODEL, Account("2026-04-05T06:07:08Z", "Eve"))
    restore(path, path.name)


def hint(path: Path, key: str) -> None:
    """The bundle says that it is by the key of somebody."""
    named = key_fingerprint(path.parent.parent / f"{key}.pub")
    attack.set_value(path, "/verificationMaterial/publicKey/hint", named)


def graph_alone(path: Path) -> None:
    """A bundle of the ONNX file alone, as ``cosign sign-blob`` writes one."""
    raw = bytes.fromhex(sha256_of((path.parent / f"{MODEL}.onnx").read_bytes()))
    digest = {"algorithm": "SHA2_256", "digest": base64.b64encode(raw).decode()}
    path.write_text(strict_json.dumps({"messageSignature": {"messageDigest": digest, "signature": "AAAA"}}))


def signature_of(path: Path, other: str) -> None:
    theirs = strict_json.read(path.parent / other)["dsseEnvelope"]["signatures"]
    attack.set_value(path, "/dsseEnvelope/signatures", theirs)


def ignore(path: Path, file: str) -> None:
    _edit_statement(path, lambda said: said["predicate"]["serialization"].update(ignore_paths=[file]))


def propose(path: Path) -> None:
    """Publish the release as one that is only proposed."""
    release(path.parent, -1.0, 0.9991, stage="proposed")


STEPS = {
    "hint": hint,
    "graph_alone": graph_alone,
    "signature_of": signature_of,
    "ignore": ignore,
    "propose": propose,
    "leave_out": leave_out,
    "digests_of_now": digests_of_now,
    "call_it": call_it,
    "flip": flip,
    "sign_as": sign_as,
    "release": release_again,
    "restore": restore,
    "go_back": go_back,
}


def carry_out(root: Path, steps: list[dict]) -> None:
    known = {**attack.ACTIONS, **STEPS}
    for step in steps:
        [action] = step.keys() & known.keys()
        words = {key: value for key, value in step.items() if key != action}
        known[action](root / step[action], **words)
