"""The files that a data set is kept in, and what people have said of the names in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

# The column that says which corpus a row comes from.
CORPUS = "corpus"


@dataclass(frozen=True)
class DataSet:
    """One table file, or one for each corpus by name; none where nothing is known but what people have said.

    Groups that are called otherwise in another corpus: ``same`` has the names of one source, which goes by the first of
    them, ``distinct`` names that look alike and are different sources.

    ``urls`` has the URL of each file that is a copy of what lies there: whoever does not see the copy makes another.
    """

    files: Path | Mapping[str, Path]
    same: tuple[tuple[str, ...], ...] = ()
    distinct: tuple[tuple[str, ...], ...] = ()
    urls: Mapping[Path, str] = field(default_factory=dict, compare=False, repr=False)  # they may say who may read them

    @property
    def corpora(self) -> Mapping[str, Path]:
        """The files by corpus, in alphabetical order; none where there is one file."""
        return {} if isinstance(self.files, Path) else dict(sorted(self.files.items()))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file."""
        return (self.files,) if isinstance(self.files, Path) else tuple(self.corpora.values())

    @property
    def file(self) -> str:
        """The names of the files, without their folders."""
        return " + ".join(path.name for path in self.paths)

    def name_files(self, name: Callable[[Path], str] = str) -> list[str]:
        """The files as ``--table`` takes them, each path as ``name`` has it: a path, or CORPUS=PATH for each corpus."""
        if isinstance(self.files, Path):
            return [name(self.files)]
        return [f"{corpus}={name(path)}" for corpus, path in self.corpora.items()]

    def moved(self, to: Callable[[Path], Path]) -> DataSet:
        """The same where each file lies at the path that ``to`` gives for its path."""
        paths = {path: to(path) for path in self.paths}
        corpora = {corpus: paths[path] for corpus, path in self.corpora.items()}
        files = paths[self.files] if isinstance(self.files, Path) else corpora
        return replace(self, files=files, urls={paths[path]: url for path, url in self.urls.items()})

    def __str__(self) -> str:
        return ", ".join(map(str, self.paths))
