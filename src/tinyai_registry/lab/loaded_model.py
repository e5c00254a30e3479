"""A registered model, opened in onnxruntime and ready to predict: rows go in by column names, scores come out.

What a caller would have to know of the model (which columns in which order, who fills empty cells, who standardises,
what the tensors are called) was read from its sidecar and its graph, and is done once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import ArrayLike, NDArray

from tinyai_registry.errors import RegistryError, TableError
from tinyai_registry.lab.call import Call
from tinyai_registry.lab.given_values import as_numbers
from tinyai_registry.lab.standardisation import LARGEST
from tinyai_registry.recipe import Recipe, numeric_sources, sources
from tinyai_registry.text import enumerate_names, name_some, suggest

if TYPE_CHECKING:
    import pandas as pd

# Rows that a graph of columns is given at a time: what it computes between stays in the cache.
BATCH = 1024

# What onnxruntime calls the element types that a graph may take; whatever else is fed as float32.
_TYPES = {"tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32}

Array = NDArray[Any]
Rows = Mapping[str, ArrayLike]


class LoadedModel:
    """A model that was loaded from a registry.

    ``id`` is the model's, ``sha256`` that of the file that runs, and ``sidecar`` what the registry says of it.
    """

    def __init__(
        self, model: str, sha256: str, sidecar: Mapping[str, Any], session: onnxruntime.InferenceSession, call: Call
    ) -> None:
        self.id, self.sha256, self.sidecar = model, sha256, sidecar
        self._session, self._call = session, call
        self._shapes = {each.name: tuple(each.shape) for each in session.get_inputs()}
        self._types = {each.name: _TYPES.get(each.type, np.float32) for each in session.get_inputs()}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that ``predict`` looks for, input after input; none for a model that takes arrays alone."""
        return tuple(name for names in self._call.columns.values() for name in names)

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of which ``predict`` can make those, where some are derived; else the same."""
        recipe = self._call.recipe
        return self.columns if recipe is None else tuple(dict.fromkeys((*self.columns, *recipe.columns)))

    @property
    def target_range(self) -> tuple[float, float] | None:
        """The least and the greatest of the target, where its sidecar says so; what is predicted may lie beyond."""
        low, high = self.sidecar.get("recipe", self.sidecar).get("target_range", (None, None))
        return None if low is None else (low, high)

    @property
    def arrays(self) -> Mapping[str, tuple[int | str | None, ...]]:
        """What ``predict`` takes as arrays, under the names of the tensors, with the shapes that the graph gives."""
        return {name: shape for name, shape in self._shapes.items() if name not in self._call.columns}

    def predict(self, rows: Rows | pd.DataFrame) -> NDArray[np.floating[Any]]:
        """One prediction for each row of ``rows``: float64 ``[N]``, in target units, as the graph gives it: unclipped.

        ``rows`` is a data frame or a mapping of names to values: the raw feature of each of ``columns``, ``[N]``, and
        the array of each of ``arrays``, ``[N, ...]``. Others are ignored. A column that the recipe derives is computed
        if it is not there. Where a graph gives more than one number for a row, that is returned
        as the graph gives it, ``[N, ...]``.

        Raises TableError for what is neither of the two, for a column or an array that is missing, not numeric, not
        finite or has another length or shape, and where the graph gives no finite number.
        """
        if not hasattr(rows, "keys"):
            kind = type(rows).__name__
            raise TableError(f"{self.id} takes a data frame or a mapping of names to values, and was given a {kind}")
        feed = {**self._feed_columns(rows), **self._feed_arrays(rows)}
        counts = {name: len(values) for name, values in feed.items()}
        if len(set(counts.values())) != 1 or not all(counts.values()):
            told = ", ".join(f"{name} has {count}" for name, count in counts.items())
            raise TableError(f"{self.id} takes one or more rows, as many of each input: {told}")
        parts = [self._run(part) for part in _batches(feed, self._batch)]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if (row := _not_finite(whole)) is not None:
            raise TableError(f"{self.id} gives no finite number for row {row}; look at what it is given there")
        return whole.reshape(-1).astype(np.float64) if whole.size == len(whole) else whole

    @cached_property
    def _batch(self) -> int:
        """How many rows the graph is given at a time."""
        fixed = {shape[0] for shape in self._shapes.values() if shape and isinstance(shape[0], int)}
        if fixed - {1}:
            raise RegistryError(f"{self.id} takes batches of {max(fixed)} rows and no others; run its graph yourself")
        return 1 if fixed or self.arrays else BATCH

    def _run(self, feed: Mapping[str, Array]) -> Array:
        [values] = self._session.run([self._call.output], dict(feed))
        count = len(next(iter(feed.values())))
        result: Array = np.reshape(values, (count, *np.shape(values)[1:]))
        return result

    def _feed_columns(self, rows: Rows | pd.DataFrame) -> dict[str, Array]:
        """What each input of columns is fed, ``[N, columns]``, filled and scaled as the sidecar says."""
        if not self.columns:
            return {}
        features = self._features(rows)
        before = self._call.before
        ready = features if before is None else before.apply(features)
        ends = np.cumsum([len(names) for names in self._call.columns.values()])[:-1]
        parts = zip(self._call.columns, np.split(ready, ends, axis=1), strict=True)
        return {tensor: np.ascontiguousarray(part, self._types[tensor]) for tensor, part in parts}

    def _features(self, rows: Rows | pd.DataFrame) -> NDArray[np.float64]:
        """Raw features, float64 ``[N, F]``, in the order of ``columns``."""
        made = self._derive(rows)
        found = [self._numbers(made if name in made else rows, name) for name in self.columns]
        if len({len(values) for values in found}) != 1:
            told = ", ".join(f"{name} {len(values)}" for name, values in zip(self.columns, found, strict=True))
            raise TableError(f"the columns that {self.id} takes have different lengths: {told}")
        return np.stack(found, axis=1)

    def _numbers(self, rows: Rows | pd.DataFrame, name: str) -> NDArray[np.float64]:
        try:
            values = as_numbers(rows[name])
        except (TypeError, ValueError) as error:
            raise TableError(f"column {name}, which {self.id} takes, is not numeric ({error}); convert it") from error
        if values.ndim > 1 and values.size != len(values):
            raise TableError(
                f"column {name}, which {self.id} takes, has the shape {list(values.shape)}, not one value for each row"
            )
        values = values.reshape(-1)
        bad = np.isinf(values) if self._call.may_be_empty else ~np.isfinite(values)
        if bad.any():
            what = "infinite" if self._call.may_be_empty else "NaN, infinite or null"
            raise TableError(
                f"column {name}, which {self.id} takes, is {what} in {bad.sum()} rows, first in row {bad.argmax()}; "
                "repair or drop these rows"
            )
        if (large := np.abs(values) > LARGEST).any():
            raise TableError(
                f"column {name}, which {self.id} takes, is {values[large][0]:g} in row {large.argmax()}, too large for "
                f"a model that is fed float32 (at most {LARGEST:g}); repair or drop this row"
            )
        return values

    def _derive(self, rows: Rows | pd.DataFrame) -> Rows | pd.DataFrame:
        """Those columns that are not in ``rows``, as the recipe computes them."""
        names = list(rows.keys())
        missing = [name for name in self.columns if name not in names]
        recipe = self._call.recipe
        derived = {name for each in recipe.derived for name in each.columns} if recipe else set()
        if recipe is not None and missing and derived.issuperset(missing):
            from tinyai_registry.lab.derived import derive

            frame = self._frame(rows, recipe)
            try:
                for name, column in derive(f"the rows for {self.id}", frame, recipe):
                    frame[name] = column
            except KeyError as error:
                missing = [str(error.args[0])]
            else:
                return frame[missing]
        if missing:
            raise TableError(
                f"{self.id} needs the {enumerate_names('column', missing)}{suggest(missing[0], map(str, names))} "
                f"(there are: {name_some(list(map(str, names)))})"
            )
        return {}

    def _frame(self, rows: Rows | pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
        """The columns of ``rows`` that others are derived from, and the features, which say how many rows there are."""
        import pandas as pd  # it takes longer to import than most models take to run

        numeric = {*self.columns, *chain.from_iterable(map(numeric_sources, recipe.derived))}
        needed = dict.fromkeys((*self.columns, *chain.from_iterable(map(sources, recipe.derived))))
        columns = {
            name: self._numbers(rows, name) if name in numeric else np.atleast_1d(rows[name])
            for name in needed
            if name in rows
        }
        try:
            return pd.DataFrame(columns)
        except ValueError as error:
            raise TableError(f"the columns that {self.id} takes do not fit each other: {error}") from error

    def _feed_arrays(self, rows: Rows | pd.DataFrame) -> dict[str, Array]:
        feed = {}
        for name, shape in self.arrays.items():
            if name not in rows:
                raise TableError(f"{self.id} needs the array {name} {_shown(shape)}: predict({{{name!r}: ...}})")
            values = self._numbers_of_array(rows, name)
            known = zip(values.shape[1:], shape[1:], strict=False)
            if values.ndim != len(shape) or any(isinstance(size, int) and size != given for given, size in known):
                raise TableError(
                    f"the array {name} has the shape {list(values.shape)}; {self.id} takes {_shown(shape)}"
                )
            if (row := _not_finite(values)) is not None:
                raise TableError(f"the array {name} has a value that is not finite in row {row}; {self.id} takes none")
            feed[name] = np.ascontiguousarray(values)
        return feed

    def _numbers_of_array(self, rows: Rows | pd.DataFrame, name: str) -> Array:
        try:
            return as_numbers(rows[name], self._types[name])
        except (TypeError, ValueError) as error:
            raise TableError(f"the array {name} is not numeric ({error}); {self.id} takes numbers") from error


def _not_finite(values: Array) -> int | None:
    """The first row of ``values`` ``[N, ...]`` that has a value that is not finite; None where there is none."""
    finite = np.isfinite(values)
    return None if finite.all() else int((~finite).reshape(len(values), -1).any(axis=1).argmax())


def _shown(shape: tuple[int | str | None, ...]) -> str:
    """A shape as people write it; any number of rows may be given, whatever the graph says."""
    return f"[{', '.join(['N', *(str(size or '?') for size in shape[1:])])}]"


def _batches(feed: Mapping[str, Array], size: int) -> Iterator[dict[str, Array]]:
    for start in range(0, len(next(iter(feed.values()))), size):
        yield {name: values[start : start + size] for name, values in feed.items()}
