"""Where manifests and logs lie: in a folder, or behind a URL if fsspec is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path, PurePosixPath

from tinyai_registry.errors import LogError
from tinyai_registry.files import FileProblemError, explain, read_bytes

# A log of three hours at 60 frames a second, with every feature and seventeen digits, takes a quarter of it.
MAX_LOG_BYTES = 2**31

LOG_SUFFIXES = (".json", ".xml", ".csv", ".sub")


def is_url(location: str) -> bool:
    """Whether ``location`` is for fsspec: ``s3://…``, ``https://…``, ``file://…``."""
    return "://" in location


def name_of(location: str) -> str:
    """The last part of a path or URL, which is what may be published of it."""
    return PurePosixPath(location.partition("?")[0]).name if is_url(location) else Path(location).name


def inside(folder: str, name: str) -> str:
    """The location of ``name`` in ``folder``."""
    return f"{folder.rstrip('/')}/{name}" if is_url(folder) else str(Path(folder) / name)


def read_source(location: str, limit: int = MAX_LOG_BYTES) -> bytes:
    """What lies there, of at most ``limit`` bytes.

    Raises LogError, which does not name the location, if it cannot be read.
    """
    if is_url(location):
        return _fetch(location, limit)
    try:
        return read_bytes(Path(location), limit)
    except FileProblemError as error:
        raise LogError(error.what) from error
    except (OSError, ValueError) as error:
        raise LogError(f"cannot be read: {explain(error) if isinstance(error, OSError) else error}") from error


def list_logs(folder: str, beside: set[str]) -> set[str]:
    """The names in ``folder`` of all files that could be logs, in the folders in which those named ``beside`` lie.

    None of a URL: what lies behind one may take long to list.
    """
    if is_url(folder):
        return set()
    parents = {PurePosixPath(name).parent for name in beside}
    found = set()
    for parent in parents:
        here = Path(folder, parent)
        if here.is_dir():
            found |= {str(parent / path.name) for path in here.iterdir() if path.suffix in LOG_SUFFIXES}
    return found


def _fetch(location: str, limit: int) -> bytes:
    try:
        fsspec = import_module("fsspec")
    except ModuleNotFoundError as error:
        raise LogError("is a URL, which needs fsspec: pip install 'tinyai-registry[dask]'") from error
    try:
        with fsspec.open(location, "rb") as file:
            data: bytes = file.read(limit + 1)
    except Exception as error:  # each of its file systems has errors of its own
        raise LogError(f"cannot be fetched: {type(error).__name__}: {str(error).strip()}") from error
    if len(data) > limit:
        raise LogError(f"has more than {limit} bytes, the most that can be read")
    return data
