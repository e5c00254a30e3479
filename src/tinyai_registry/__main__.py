"""``python -m tinyai_registry``: the command line, whatever PATH says."""

from tinyai_registry.cli.app import run

run()
