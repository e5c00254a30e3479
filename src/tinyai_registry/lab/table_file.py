"""The bytes of a table file, and their digest. Imports nothing heavy: an up-to-date release needs no more."""

from __future__ import annotations

from pathlib import Path

from tinyai_registry.errors import TableError
from tinyai_registry.files import FileProblemError, is_lfs_pointer, read_bytes, sha256_of

# A table of this size has ten million rows; a larger one is not read into memory to find out what it is.
MAX_FILE_BYTES = 2**31


def read_file(path: Path) -> bytes:
    """What the file holds. Raises TableError if it cannot be read, is too large, or is a Git LFS pointer."""
    try:
        data = read_bytes(path, MAX_FILE_BYTES)
    except FileProblemError as error:
        raise TableError(f"cannot read the table {path}: it {error.what}") from error
    except OSError as error:
        raise TableError(f"cannot read the table {path}: {error.strerror}") from error
    if is_lfs_pointer(data):
        raise TableError(f"the table {path} is a Git LFS pointer; run `git lfs pull`")
    return data


def digest(path: Path) -> str:
    """SHA-256 of the file, in hex. Raises what :func:`read_file` raises."""
    return sha256_of(read_file(path))
