"""The story of refreshing every model: in processes of their own, so that none can stop another.

A process refreshes one model after another, and imports once what takes seconds. Where one dies, the model that it was
at has failed, and another process takes the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from tinyai_registry.documents.config import Config, TableSetting
from tinyai_registry.documents.headline import Score, read_score
from tinyai_registry.documents.refusal import refusal
from tinyai_registry.errors import TinyaiError
from tinyai_registry.files import Folder
from tinyai_registry.plugins.installed import Plugins
from tinyai_registry.recipe import Recipe
from tinyai_registry.store.glance import glance_sidecar
from tinyai_registry.store.registry import Registry

# Seconds that are waited for a child at a time. Python handles a signal once the main thread comes back from a wait,
# and one that arrives just before a wait does not end it.
MOMENT = 0.2

# The status of a model that has no table, and of one whose refresh ended in an error.
SKIPPED, FAILED = "skipped", "failed"


@dataclass(frozen=True)
class Result:
    """How the refresh of one model ended: ``status`` as in its report, or skipped or failed, and then ``why``.

    ``score`` is what was measured, or what a release has that is up to date; ``before`` is the same metric of the
    release that it was to replace.
    """

    model: str
    status: str
    exit_code: int
    why: str | None = None
    score: Score | None = None
    before: float | None = None


def refresh_all(
    recipes: Sequence[Recipe],
    config: Config,
    registry: Path,
    options: Sequence[str],
    jobs: int,
    report: Callable[[Result], None],
) -> list[Result]:
    """Refresh each of ``recipes`` whose table is there, ``jobs`` at a time; call ``report`` with each result.

    ``options`` are passed on to each ``tinyai refresh``. Returns the results in the order of ``recipes``. If this is
    interrupted, or the process dies, the children stop.
    """
    children = _Children()

    def one(recipe: Recipe) -> Result:
        result = _refresh(recipe, config, registry, options, children)
        report(result)
        return result

    with ExitStack() as stack:
        stack.callback(children.close)
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        stack.callback(children.stop)  # first of all: a thread of the pool waits for its child
        futures = [pool.submit(one, recipe) for recipe in recipes]
        try:
            return [_wait_for(future) for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def set_aside(registry: Registry, plugins: Plugins) -> list[Result]:
    """The registered models that no recipe makes: each is skipped, with why."""
    made, folder = {recipe.id for recipe in plugins.recipes}, Folder(registry.root)
    declared = {each.id for plugin in plugins.all for each in plugin.imports}
    aside = []
    for row in registry.rows:
        model = str(row.get("id"))
        try:
            sidecar = glance_sidecar(folder, row)
            why = _tell_why(model, sidecar, declared)
        except TinyaiError as error:
            sidecar, why = {}, str(error)
        if model not in made and sidecar.get("member_of") not in made:
            aside.append(Result(model, SKIPPED, 0, why))
    return aside


def _tell_why(model: str, sidecar: Mapping[str, Any], imports: Collection[str]) -> str:
    if model in imports:
        return f"imported: others made it; `tinyai refresh {model}` takes a newer file of theirs"
    if "recipe_fingerprint" in sidecar:
        return "no plugin declares it any more"
    return "imported: others made it, and no plugin declares it"


def _wait_for(future: Future[Result]) -> Result:
    while not wait([future], MOMENT).done:
        pass
    return future.result()


def _refresh(recipe: Recipe, config: Config, registry: Path, options: Sequence[str], children: _Children) -> Result:
    said = config.tables.get(recipe.dataset, TableSetting())
    if not said.locations:
        return Result(recipe.id, SKIPPED, 0, f"tinyai.toml names no table of {recipe.dataset}")
    if said.missing is not None:
        return Result(recipe.id, SKIPPED, 0, f"no table: {said.missing}")
    try:
        data = said.fetch()
    except TinyaiError as error:
        return Result(recipe.id, FAILED, error.exit_code, str(error))
    tables = [word for named in data.name_files() for word in ("--table", named)]
    words = ["refresh", recipe.id, *tables, "--registry", str(registry), "--json", *options]
    try:
        code, answer = children.run(words)
    except _DiedError as died:
        return Result(recipe.id, FAILED, _exit_code(died.returncode) or 2, str(died))
    if "error" in answer:
        return Result(recipe.id, FAILED, code, answer["error"]["message"])
    refused = "; ".join(refusal(verdict) for verdict in answer["gate"] or () if not verdict["passed"])
    score = read_score(answer)
    before = (answer["previous"] or {}).get("metrics", {}).get(f"mean_{score.metric}") if score else None
    return Result(recipe.id, answer["status"], code, refused or None, score, before)


def _exit_code(returncode: int) -> int:
    """As a shell says it: 128 and the signal that has killed the process."""
    return 128 - returncode if returncode < 0 else returncode


class _DiedError(Exception):
    """A child ended before it has answered."""

    def __init__(self, returncode: int, last: str) -> None:
        super().__init__(f"ended with {returncode}: {last}")
        self.returncode = returncode


class _Children:
    """Those that run commands or wait for one. Several threads may ask."""

    def __init__(self) -> None:
        self._all: list[_Child] = []
        self._idle: SimpleQueue[_Child] = SimpleQueue()
        self._stopped = False

    def run(self, words: Sequence[str]) -> tuple[int, Any]:
        """Exit code and answer of ``tinyai`` with ``words``. Raises _DiedError if there is none."""
        try:
            child = self._idle.get_nowait()
        except Empty:
            child = _Child()
            self._all.append(child)
            if self._stopped:
                child.stop()
        answer = child.run(words)
        self._idle.put(child)
        return answer

    def stop(self) -> None:
        """End all of them: each stops what it is at, as for a signal."""
        self._stopped = True
        for child in self._all:
            child.stop()

    def close(self) -> None:
        """Wait until they have ended."""
        for child in self._all:
            child.close()


class _Child:
    """A process that runs one command after another, and ends when its standard input does."""

    def __init__(self) -> None:
        # -P: the working directory may be a stranger's, and what lies in it is not to be imported.
        program = [sys.executable, "-P", "-m", "tinyai_registry.cli.command_server"]
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - see close
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, encoding="utf-8"
        )

    def run(self, words: Sequence[str]) -> tuple[int, Any]:
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None  # noqa: S101 - both are pipes
        assert answered is not None  # noqa: S101
        try:
            asked.write(json.dumps(list(words)) + "\n")
            asked.flush()
            code, written = json.loads(answered.readline())
            return code, json.loads(written)
        except (OSError, ValueError):  # it has closed its end, or was stopped in the middle of a line
            code = self._process.wait()
            self._said.seek(0)
            last = ([line for line in self._said.read().splitlines() if line.strip()] or ["no output"])[-1]
            raise _DiedError(code, last.strip()) from None

    def stop(self) -> None:
        """Say that there is nothing more to do: it ends, whatever it is at."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(OSError):  # it has died with something unread
            self._process.stdin.close()

    def close(self) -> None:
        """Wait for its end."""
        with self._said, self._process:
            self.stop()
