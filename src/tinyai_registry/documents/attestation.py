"""The attestation of a release: an in-toto statement of which files it is, and from what they were made.

Statement: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md; predicate: https://slsa.dev/provenance/v1.
It says nothing that the sidecar does not; it says it in the words that tools for supply chains read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.sidecar_types import ProvenanceDocument, Sidecar, TableDocument

Json = dict[str, Any]

ENDING = ".intoto.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD = "https://tinyai-registry.example/builds/refresh/v1"
TOOL = "tinyai-registry"


def attestation_name(model: str) -> str:
    """The file of a release that holds its attestation."""
    return f"{model}{ENDING}"


def compose(sidecar: Sidecar, files: Mapping[str, str]) -> Json:
    """The statement about a release of ``files`` (digests by name) whose sidecar has evidence."""
    made = sidecar["provenance"]
    tool = package_url(TOOL, made["packages"].get(TOOL, "0"))
    definition = {
        "buildType": BUILD,
        "externalParameters": {"model": sidecar["id"], "command": made["command"], "decision": sidecar["decision"]},
        "internalParameters": {"seeds": made["seeds"], "cpu_capability": made.get("cpu_capability", "unknown")},
        "resolvedDependencies": [*materials(sidecar), *_environment(made)],
    }
    details = {"builder": {"id": tool}, "metadata": {"finishedOn": made["time"]}}
    return statement(files, PROVENANCE, {"buildDefinition": definition, "runDetails": details})


def statement(files: Mapping[str, str], predicate_type: str, predicate: Mapping[str, Any]) -> Json:
    """What ``predicate`` says about ``files``, digests by name."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in sorted(files.items())],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def render(document: Mapping[str, Any]) -> str:
    """The statement as text."""
    return strict_json.dumps(document)


def subjects(document: Mapping[str, Any]) -> dict[str, str]:
    """The digests of the files that a statement, valid by its schema, is about, by name."""
    return {each["name"]: each["digest"]["sha256"] for each in document["subject"]}


def materials(sidecar: Sidecar) -> list[Json]:
    """What decides a model: its tables with what they were made from, its recipe, and the plugin that trained it."""
    plugin = sidecar["plugin"]
    return [
        *(_material(name, sha256) for name, sha256 in _tables(sidecar["table"])),
        _material(f"recipe {sidecar['recipe']['id']}", sidecar["recipe_fingerprint"]),
        {"name": f"plugin {plugin['distribution']}", "uri": package_url(plugin["distribution"], plugin["version"])},
    ]


def package_url(distribution: str, version: str) -> str:
    """How supply-chain tools call a version of a Python distribution (https://github.com/package-url/purl-spec).

    >>> package_url("torch", "2.13.0+cpu")
    'pkg:pypi/torch@2.13.0%2Bcpu'
    """
    return f"pkg:pypi/{distribution.lower().replace('_', '-')}@{version.replace('+', '%2B')}"


def _environment(made: ProvenanceDocument) -> Iterator[Json]:
    yield {"name": "python", "uri": f"pkg:generic/python@{made['python']}"}
    for package, version in made["packages"].items():
        yield {"name": package, "uri": package_url(package, version)}
    git = made["git"] or {}
    if "commit" in git:
        digest = {"gitCommit": git["commit"]}
        yield {"name": "registry", "digest": digest, "annotations": {"dirty": git["dirty"]}}


def _tables(table: TableDocument) -> Iterator[tuple[str, str]]:
    """The name and digest of the table, of each file that it is put together from, and of the record of its logs."""
    level: list[Any] = [table]
    while level:
        for each in (each for each in level if isinstance(each, dict)):
            if isinstance(each.get("sha256"), str):
                yield " ".join(("table", *(each[key] for key in ("corpus", "file") if key in each))), each["sha256"]
            if isinstance(each.get("record_sha256"), str):
                yield "record of the table's logs", each["record_sha256"]
        inner = [value for each in level for value in (each.values() if isinstance(each, dict) else each)]
        level = [value for value in inner if isinstance(value, dict | list)]


def _material(name: str, sha256: str) -> Json:
    return {"name": name, "digest": {"sha256": sha256}}
