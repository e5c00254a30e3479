"""The registry that is attacked: three releases in three manners, and nothing wrong with any.

``fr_regressor_v1`` is the example's, as `tinyai refresh` writes it; ``pair_v1`` is an ensemble whose members ship
separately; ``tiny_v1`` was packaged by another tool, with an int8 twin, a signature and weights that anyone can read.
"""

from __future__ import annotations

import base64
import json
import subprocess
from contextlib import suppress
from pathlib import Path

import onnx
from onnx import parser

from tinyai_registry.documents import attestation, card, row, sidecar, strict_json
from tinyai_registry.documents.signature_bundle import MODEL_SIGNATURE
from tinyai_registry.errors import DocumentError
from tinyai_registry.files import File, Folder, sha256_of
from tinyai_registry.recipe import fingerprint
from tinyai_registry.release import Account, Release
from tinyai_registry.store.publish import init, publish

EXAMPLE = Path(__file__).parents[2] / "examples" / "registry"
INDEX = "registry.json"
BROKEN = (AttributeError, DocumentError, KeyError, OSError, TypeError, ValueError)
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
TINY = """
    tiny (float[N, 2] x) => (float[N] y)
    <float[2, 2] w = {1.0, -0.5, 0.25, 2.0}, float[2, 1] v = {0.5, 1.0}, int64[1] last = {1}>
    { a = MatMul(x, w)  b = Relu(a)  c = MatMul(b, v)  y = Squeeze(c, last) }
"""
TWIN = """
    tiny (float[N, 2] x) => (float[N] y)
    <int8[2, 2] w_quantized = {64, -32, 16, 127}, float w_scale = {0.015748}, int8 w_zero_point = {0},
     int8[2, 1] v_quantized = {64, 127}, float v_scale = {0.007874}, int8 v_zero_point = {0}, int64[1] last = {1}>
    {
        w = DequantizeLinear(w_quantized, w_scale, w_zero_point)
        v = DequantizeLinear(v_quantized, v_scale, v_zero_point)
        a = MatMul(x, w)  b = Relu(a)  c = MatMul(b, v)  y = Squeeze(c, last)
    }
"""


def build(root: Path) -> Path:
    """The registry, without a log."""
    root.mkdir()
    released = strict_json.read(EXAMPLE / "fr_regressor_v1.json")
    graph = onnx.load(EXAMPLE / "fr_regressor_v1.onnx")
    (root / "fr_regressor_v1.onnx").write_bytes(graph.SerializeToString())
    pair = _ensemble(released, root)
    tiny = _packaged(root)
    rows = []
    for each in (released, *pair, tiny):
        (root / f"{each['id']}.json").write_text(strict_json.dumps(each))
        rows.append(row.merge(None, {**each, "license": "BSD-2-Clause-Patent"}))
    rows[-1] |= {"quant_mode": "static", "int8_sha256": "", "sigstore_bundle": "tiny_v1.sigstore.json"}
    (root / INDEX).write_text(strict_json.dumps({"models": rows, "schema_version": 1}))
    pin(root)
    return root


def build_logged(root: Path, *, attested: bool = False) -> Path:
    """A registry with the example's model alone, published twice through the store."""
    init(root)
    files = {
        name: (EXAMPLE / name).read_bytes() for name in (f"fr_regressor_v1.{end}" for end in ("onnx", "json", "md"))
    }
    if attested:
        about = attestation.compose(json.loads(files["fr_regressor_v1.json"]), _digests(files))
        files["fr_regressor_v1.intoto.json"] = attestation.render(about).encode()
    [entry] = strict_json.read(EXAMPLE / INDEX)["models"]
    release = Release("fr_regressor_v1", files, (entry,), ())
    for time in ("2026-01-02T03:04:05Z", "2026-01-03T03:04:05Z"):
        publish(root, release.model, lambda: release, Account(time, "Ada <ada@example.org>"))
    return root


def _digests(files: dict[str, bytes]) -> dict[str, str]:
    return {name: sha256_of(data) for name, data in files.items()}


def commit(root: Path) -> None:
    """Commit the folder that the registry lies in, with somebody who may sign."""
    (root.parent / "key.pub").write_text("a key")
    if not (root.parent / "tinyai.toml").exists():
        (root.parent / "tinyai.toml").write_text('[trust]\n[[trust.signers]]\nname = "Ada"\nkey = "key.pub"\n')
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "before")):
        subprocess.run(["git", *words], cwd=root.parent, check=True, capture_output=True)


def _ensemble(released: dict, root: Path) -> list[dict]:
    whole = json.loads(json.dumps(released).replace("fr_regressor_v1", "pair_v1"))
    whole["recipe_fingerprint"] = fingerprint(whole["recipe"])
    whole["members"] = [{"id": f"pair_v1_s{s}", "onnx": f"pair_v1_s{s}.onnx", "sha256": "", "seed": s} for s in (0, 1)]
    [main] = whole["artifacts"]
    whole["artifacts"] = [main, *({**main, "path": member["onnx"]} for member in whole["members"])]
    for artifact in whole["artifacts"]:
        graph = onnx.load(EXAMPLE / "fr_regressor_v1.onnx")
        graph.graph.name = artifact["path"].removesuffix(".onnx")
        (root / artifact["path"]).write_bytes(graph.SerializeToString())
    return [whole, *sidecar.members(whole)]


def _packaged(root: Path) -> dict:
    for name, text in {"tiny_v1.onnx": TINY, "tiny_v1.int8.onnx": TWIN}.items():
        (root / name).write_bytes(parser.parse_model(HEAD + text).SerializeToString())
    signed = {"algorithm": "SHA2_256", "digest": ""}
    (root / "tiny_v1.sigstore.json").write_text(strict_json.dumps({"messageSignature": {"messageDigest": signed}}))
    return {
        "id": "tiny_v1",
        "kind": "nr",
        "onnx": "tiny_v1.onnx",
        "opset": 17,
        "sha256": "",
        "name": "tiny_v1",
        "input_name": "x",
        "input_names": ["x"],
        "input_shape": [-1, 2],
        "output_names": ["y"],
        "feature_order": ["blur", "noise"],
        "feature_mean": [0.5, 0.25],
        "feature_std": [0.125, 2.0],
        "onnx_has_scaler": False,
        "quant_mode": "static",
        "int8_sha256": "",
        "notes": "Packaged by hand.",
    }


def field(number: int, data: bytes) -> bytes:
    """A field that holds ``data``, as protobuf writes one."""
    length, varint = len(data), b""
    while length > 127:
        varint, length = varint + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + varint + bytes([length]) + data


# --- covering the tracks --------------------------------------------------------------------------------------------


def pin(root: Path) -> None:
    """Make every digest and size that of the file, and every card what its sidecar renders to.

    So would somebody who knows the tool and covers their tracks. What is broken is left as it is.
    """
    folder = Folder(root)
    rewrite(root / INDEX, lambda index: [_pin_row(folder, each) for each in index["models"]])
    for name in [name for name in folder.names if name.endswith(".json")]:
        rewrite(root / name, lambda document: _pin_sidecar(folder, document))
    for name in [name for name in folder.names if name.endswith(".json") and name != INDEX]:
        with suppress(*BROKEN):
            said = strict_json.read(root / name)
            if "member_of" not in said:
                (root / name).with_suffix(".md").write_text(card.render(said))
                _attest(root, said)


def _attest(root: Path, said: dict) -> None:
    path = root / attestation.attestation_name(said["id"])
    if path.is_file():
        names = attestation.subjects(strict_json.read(path))
        about = attestation.compose(said, {name: _digest(Folder(root), name) for name in names})
        path.write_text(attestation.render(about))


def rewrite(path: Path, change) -> None:
    """Let ``change`` edit what ``path`` says, in house style; a file that is no strict JSON stays."""
    with suppress(*BROKEN):
        before = strict_json.read(path)
        after = json.loads(json.dumps(before))
        change(after)
        if strict_json.dumps(after) != strict_json.dumps(before):  # 0 is not false
            is_entry = path.parent.parent.name == "log"  # its digest is over the keys in their order
            path.write_text(strict_json.dumps(after, sort_keys=not is_entry))


def _pin_row(folder: Folder, entry: dict) -> None:
    _put(entry, "sha256", _digest(folder, entry["onnx"]))
    _put(entry, "int8_sha256", _digest(folder, entry["onnx"].replace(".onnx", ".int8.onnx")))
    bundle = folder.root / entry.get("sigstore_bundle", "")

    def sign(document: dict) -> None:
        raw = bytes.fromhex(entry["sha256"])
        document["messageSignature"]["messageDigest"]["digest"] = base64.b64encode(raw).decode()

    if bundle.is_file():
        rewrite(bundle, sign)


def _pin_sidecar(folder: Folder, document: dict) -> None:
    if "onnx" in document:
        _pin_row(folder, document)
    for each in document.get("artifacts", ()):
        file = folder.fetch(each["path"], 2**26)
        if isinstance(file, File):
            _put(each, "sha256", file.sha256)
            _put(each, "bytes", len(file.data))
    for each in document.get("members", ()):
        _put(each, "sha256", _digest(folder, each["onnx"]))


def _put(document: dict, key: str, value) -> None:
    if key in document and value is not None:
        document[key] = value


def _digest(folder: Folder, name: str) -> str | None:
    file = folder.fetch(name, 2**26)
    return file.sha256 if isinstance(file, File) else None


def resign(path: Path) -> None:
    """Give an entry of the log, which is the last, the digest that goes with what it says, and the tip that of both."""

    def sign(entry: dict) -> None:
        del entry["digest"]
        entry["digest"] = sha256_of(json.dumps(entry, separators=(",", ":")).encode())

    rewrite(path, sign)
    tip = {"number": int(path.stem), "digest": sha256_of(path.read_bytes())}
    path.with_name("tip.json").write_text(strict_json.dumps(tip, sort_keys=False))


def relog(path: Path) -> None:
    """Let an entry of the log, which is the last, say that what lies there now was published."""
    root = path.parents[3]
    folder = Folder(root)

    def note(entry: dict) -> None:
        entry["files"] = {name: _digest(folder, name) for name in entry["files"]}
        ids = {each["id"]: each for each in strict_json.read(root / INDEX)["models"]}
        entry["rows"] = [ids[each["id"]] for each in entry["rows"]]

    rewrite(path, note)
    resign(path)


def bundle(
    path: Path, subject: str = "fr_regressor_v1", key: str = "a" * 64, without: str = "", digest: str = ""
) -> None:
    """A bundle that says that ``key`` has signed the release, ``without`` a file or with another ``digest`` for it.

    It has the looks of one that model-signing writes, and a signature that is none. The row names it.
    """
    folder = Folder(path.parent)
    entry = strict_json.read(path.parent / ".tinyai/log/fr_regressor_v1/00000002.json")
    files = {name: _digest(folder, name) or "" for name in entry["files"]}
    if digest:
        files[without] = digest
    elif without:
        files = {name: sha256 for name, sha256 in files.items() if name != without}
    resources = [{"name": name, "algorithm": "sha256", "digest": sha256} for name, sha256 in files.items()]
    statement = {
        "_type": attestation.STATEMENT,
        "subject": [{"name": subject, "digest": {"sha256": "0" * 64}}],
        "predicateType": MODEL_SIGNATURE,
        "predicate": {"resources": resources, "serialization": {"method": "files", "hash_type": "sha256"}},
    }
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payload": payload, "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "AAAA"}]}
    material = {"publicKey": {"hint": key}, "tlogEntries": []}
    path.write_text(strict_json.dumps({"verificationMaterial": material, "dsseEnvelope": envelope}))
    rewrite(path.parent / INDEX, lambda index: index["models"][0].update(sigstore_bundle=path.name))
