"""Where manifests and logs lie: in a folder, or behind a URL."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from tinyai_registry.documents import url
from tinyai_registry.documents.url import UrlError, is_url
from tinyai_registry.errors import LogError
from tinyai_registry.files import FileProblemError, explain, read_bytes

# A log of three hours at 60 frames a second, with every feature and seventeen digits, takes a quarter of it.
MAX_LOG_BYTES = 2**31

LOG_SUFFIXES = (".json", ".xml", ".csv", ".sub")


def inside(folder: str, name: str) -> str:
    """The location of ``name`` in ``folder``."""
    return url.beside(folder.rstrip("/"), f"/{name}") if is_url(folder) else str(Path(folder) / name)


def read_source(location: str, limit: int = MAX_LOG_BYTES) -> bytes:
    """What lies there, of at most ``limit`` bytes.

    Raises LogError, which does not name the location, if it cannot be read.
    """
    try:
        return url.read(location, limit) if is_url(location) else read_bytes(Path(location), limit)
    except (FileProblemError, UrlError) as error:
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
