"""What stands under each command's help: one or two ways to call it, which a test parses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "refresh": (
        'tinyai refresh fr_regressor_v1 --reason "the encodes were made anew"',
        "tinyai refresh fr_regressor_v1 --table new.parquet --dry-run --comment pr.md",
        "tinyai refresh --all --new --jobs 2",
    ),
    "evaluate": (
        "tinyai evaluate fr_regressor_v1 --table new.parquet",
        "tinyai evaluate konvid_mos_v1 --protocol random-80-20",
    ),
    "table build": ("tinyai table build --manifest pairs.csv --logs logs -o features.parquet",),
    "reproduce": (
        "tinyai reproduce fr_regressor_v1 --table runs/features.parquet",
        "tinyai reproduce --all",
    ),
    "table combine": ("tinyai table combine netflix=a.parquet bvi-dvc=b.parquet -o both.parquet",),
    "table check": ("tinyai table check fr_regressor_v1 --table features.parquet", "tinyai table check --all"),
    "table diff": ("tinyai table diff old.parquet new.parquet",),
    "sign": ("tinyai sign fr_regressor_v1 --key release.pem", "tinyai sign --all --keyless"),
    "verify": ("tinyai verify fr_regressor_v1 --key release.pub", "tinyai verify"),
    "bom": ("tinyai bom -o bom.cdx.json",),
    "validate": ("tinyai validate model/tiny --strict", "tinyai validate --format github --ignore TAI903"),
    "explain": ("tinyai explain TAI203 weak-fold",),
    "import": (
        "tinyai import up_v1 up.onnx --kind fr --license MIT --source URL",
        "tinyai import a a.onnx --kind fr --license MIT --source URL --features x,y",
    ),
    "migrate": ("tinyai migrate vmaf_tiny_v2 --dry-run",),
    "schema": ("tinyai schema sidecar > sidecar.schema.json",),
    "score": (
        "tinyai score fr_regressor_v1 vmaf.json",
        "tinyai score fr_regressor_v1 features.parquet --by clip -o scores.csv",
    ),
    "status": ("tinyai status", "tinyai status --check --registry model/tiny"),
    "list": ("tinyai list --registry model/tiny",),
    "show": ("tinyai show fr_regressor_v1 | less",),
    "site": ("tinyai site -o public",),
    "log": ("tinyai log fr_regressor_v1",),
    "diff": (
        "tinyai diff fr_regressor_v1",
        "tinyai diff fr_regressor_v1 3 5 --comment pr.md",
        "tinyai diff fr_regressor_v1 --dry-run --table new.parquet",
    ),
    "remove": ('tinyai remove vmaf_tiny_v1 --reason "v2 took its place"',),
    "rename": ("tinyai rename fr_tiny fr_tiny_v1",),
    "rollback": ('tinyai rollback fr_regressor_v1 --to 76c83b --reason "RedMaples fell"',),
    "recover": ("tinyai recover model/tiny",),
    "prune": ("tinyai prune --registry model/tiny",),
    "plugins": ("tinyai plugins", "TINYAI_BLOCK_PLUGINS=duo tinyai plugins"),
    "init": ("tinyai init model/tiny --ci",),
    "new-plugin": ("tinyai new-plugin sharpness --into plugins",),
    "completion": ('eval "$(tinyai completion bash)"', "tinyai completion fish | source"),
}

# Under the help of ``tinyai`` itself: what a newcomer asks for first.
FIRST = ("tinyai init model/tiny", "tinyai refresh fr_regressor_v1 --table features.parquet", "tinyai status")


def write_lines(found: Sequence[str]) -> str:
    """The examples as click's epilog."""
    lines = (f"  {example}" for example in found)
    return "\n".join(("\b", "Example:" if len(found) == 1 else "Examples:", *lines))


def add_examples(command: click.Command, name: str) -> None:
    """Put the examples of ``name`` under the help of ``command``, and of each command below it."""
    found = EXAMPLES.get(name, ()) or [lines[0] for each, lines in EXAMPLES.items() if each.startswith(f"{name} ")]
    if found:
        command.epilog = write_lines(found)
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        add_examples(below, f"{name} {below.name}")
