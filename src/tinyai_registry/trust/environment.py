"""What a release was made with: how it differs from here, and the file from which pip makes the same again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyai_registry.documents.sidecar_types import ProvenanceDocument


@dataclass(frozen=True)
class Deviation:
    """Something that a release was made with, and that is another here; ``None`` where there is no such thing."""

    what: str
    released: str | None
    here: str | None

    def __str__(self) -> str:
        return f"{self.what} {self.released or 'none'} then, {self.here or 'none'} here"


def deviations(released: ProvenanceDocument, here: ProvenanceDocument) -> tuple[Deviation, ...]:
    """Python, packages and CPU capability that are not those of the release; they may change the last bits."""
    then, now = _flat(released), _flat(here)
    return tuple(Deviation(w, then.get(w), now.get(w)) for w in sorted({*then, *now}) if then.get(w) != now.get(w))


def lock(released: Mapping[str, Any]) -> str:
    """The packages of the release whose sidecar is ``released``, as ``pip install -r`` takes them.

    A local version (``2.13.0+cpu``) names a build that the index may not have, and is written as a comment.
    """
    made = released["provenance"]
    lines = [
        f"# {released['id']} was made by Python {made['python']} with these versions,",
        f"# and the CPU capability {made.get('cpu_capability', 'that nobody recorded')}.",
    ]
    for package, version in sorted(made["packages"].items()):
        public, _, build = version.partition("+")
        lines.append(f"{package}=={public}" + (f"  # it was the build +{build}" if build else ""))
    return "\n".join(lines) + "\n"


def _flat(made: ProvenanceDocument) -> dict[str, str]:
    capability = {"CPU capability": made["cpu_capability"]} if "cpu_capability" in made else {}
    return {"Python": made["python"], **made["packages"], **capability}
