"""Finding the table that a release was made from: by its digest, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from tinyai_registry.documents.config import Config
from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import DataSet
from tinyai_registry.lab.table_file import MAX_FILE_BYTES, digest


@contextmanager
def tables_at(given: Sequence[str], config: Config, dataset: str) -> Iterator[DataSet]:
    """The files that are ``given`` as ``--table`` takes them; a URL that fsspec reads is fetched for the while.

    Raises TableError if one cannot be fetched, or is too large; ConfigError if it is not told of which corpus it is.
    """
    with TemporaryDirectory() as folder:
        here = [_fetched(words, Path(folder, str(number))) for number, words in enumerate(given)]
        yield config.table(dataset, here)


def find_table(config: Config, dataset: str, sha256: str) -> DataSet:
    """The table with this digest among those that ``tinyai.toml`` names, that of ``dataset`` first.

    Raises TableError if none of them has it.
    """
    named = sorted(config.tables.items(), key=lambda item: item[0] != dataset)
    there = [data for _, data in named if data.paths and all(path.is_file() for path in data.paths)]
    for data in there:
        if digest(data) == sha256:
            return data
    looked = "; ".join(map(str, there)) or "tinyai.toml names none that is there"
    raise TableError(f"no table has the digest {sha256} (looked at: {looked}); give it by --table")


def _fetched(words: str, folder: Path) -> str:
    """``words`` with the file in ``folder`` in place of a URL; ``CORPUS=URL`` keeps its corpus."""
    scheme, found, _ = words.partition("://")
    if not found:
        return words
    corpus, equals, _ = scheme.rpartition("=")
    return f"{corpus}{equals}{_fetch(words.removeprefix(corpus + equals), folder)}"


def _fetch(url: str, folder: Path) -> Path:
    import fsspec  # noqa: PLC0415 - torch brings it, and a table that lies here needs it not

    folder.mkdir()
    target = folder / (PurePosixPath(urlsplit(url).path).name or "table.parquet")
    try:
        with fsspec.open(url, "rb") as source, target.open("wb") as sink:
            while block := source.read(2**20):
                sink.write(block)
                if sink.tell() > MAX_FILE_BYTES:
                    raise TableError(f"the table {url} has more than {MAX_FILE_BYTES} bytes")
    except (ImportError, OSError, ValueError) as error:
        raise TableError(f"cannot fetch the table {url}: {error}") from error
    return target
