"""Finding the table that a release was made from: by its digest, wherever it lies."""

from __future__ import annotations

from tinyai_registry.documents.config import Config
from tinyai_registry.documents.url import UrlError, without_secrets
from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import DataSet
from tinyai_registry.lab.table_file import digest


def find_table(config: Config, dataset: str, sha256: str) -> DataSet:
    """The table with this digest among those that ``tinyai.toml`` names, that of ``dataset`` first.

    Raises TableError if none of them has it.
    """
    looked = []
    for _, said in sorted(config.tables.items(), key=lambda item: item[0] != dataset):
        if not said.locations or said.missing is not None:
            continue
        try:
            data = said.fetch()
        except UrlError as error:
            looked.append(str(error))
            continue
        if digest(data) == sha256:
            return data
        looked.append(", ".join(map(without_secrets, said.locations)))
    told = "; ".join(looked) or "tinyai.toml names none that is there"
    raise TableError(f"no table has the digest {sha256} (looked at: {told}); give it by --table")
