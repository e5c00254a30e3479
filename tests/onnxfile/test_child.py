"""A process apart answers within bounds, is started again, imports nothing that lies about, and outlives nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyai_registry.errors import TinyaiError
from tinyai_registry.onnxfile.child import Child, ChildError

ANSWERER = Path(__file__).with_name("answerer.py")
MEMORY = 2**30


@pytest.fixture
def child():
    with Child(ANSWERER, MEMORY) as started:
        yield started


def ask(child, *words, seconds=20.0):
    return child.ask([word.encode() for word in words], seconds)


def test_it_answers_one_question_after_the_other_in_one_process(child):
    assert ask(child, "echo", "a", "", "\u00e9") == ["a", "", "\u00e9"]
    assert ask(child, "pid") == ask(child, "pid") != os.getpid()


def test_a_long_question_gets_through(child):
    assert len(ask(child, "echo", "x" * 5_000_000)[0]) == 5_000_000


ENDS = {
    "a crash": (("die", str(int(signal.SIGSEGV))), "died of SIGSEGV"),
    "an assertion in C++": (("die", str(int(signal.SIGABRT))), "died of SIGABRT"),
    "being killed": (("die", str(int(signal.SIGKILL))), "died of SIGKILL"),
    "an exit": (("exit", "3"), "died with exit status 3"),
    "an error of our own": (("raise",), "died with exit status 1"),
    "too much memory": (("fill",), "asked for more than 1024 MiB of memory"),
    "no JSON": (("no JSON",), "gave an answer that makes no sense"),
    "an answer that never ends": (("too much",), "gave an answer that makes no sense"),
    "an answer of very many parts": (("too many",), "gave an answer that makes no sense"),
    "JSON that a reader loses its way in": (("deep",), "gave an answer that makes no sense"),
}


@pytest.mark.parametrize(("words", "told"), ENDS.values(), ids=ENDS)
def test_whatever_it_ends_of_is_said_and_the_next_question_is_answered(child, words, told):
    with pytest.raises(ChildError) as error:
        ask(child, *words)
    assert str(error.value) == told
    assert ask(child, "echo", "still here") == ["still here"]


@pytest.mark.parametrize("what", ["sleep", "spin"])
def test_one_that_takes_too_long_is_stopped(child, what):
    with pytest.raises(ChildError, match=r"was stopped after 0\.2 s"):
        ask(child, what, seconds=0.2)
    assert ask(child, "echo", "still here") == ["still here"]


def test_one_that_died_between_two_questions_is_nobodys_fault(child):
    pid = ask(child, "pid")
    os.kill(pid, signal.SIGKILL)
    while is_alive(pid):
        time.sleep(0.01)
    assert ask(child, "echo", "another") == ["another"]


def test_what_it_prints_is_no_answer(child, capfd):
    assert ask(child, "print") == 10_000
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_is_for_its_parent(child):
    pid = ask(child, "pid")
    os.kill(pid, signal.SIGINT)
    assert ask(child, "pid") == pid


def test_it_is_gone_when_the_context_is_left():
    with Child(ANSWERER, MEMORY) as child:
        pid = ask(child, "pid")
    assert not is_alive(pid)


PARENT = """
import sys
from pathlib import Path
from tinyai_registry.onnxfile.child import Child
with Child(Path({answerer!r}), 2**30) as child:
    print(child.ask([b"pid"], 60), flush=True)
    child.ask([{what!r}], 600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a busy process is stopped by its time limit alone")
@pytest.mark.parametrize("what", [b"spin", b"sleep"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_its_parent(what, number):
    code = PARENT.format(answerer=str(ANSWERER), what=what)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(number)
    for _ in range(1000):
        if not is_alive(pid):
            return
        time.sleep(0.01)
    pytest.fail("it goes on without its parent")


def is_alive(pid):
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# --- where it imports from


def test_it_neither_works_nor_imports_where_its_parent_works(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", ".", str(tmp_path), *sys.path])
    with Child(ANSWERER, MEMORY) as child:
        assert ask(child, "cwd") == Path.cwd().anchor
        path = ask(child, "path")
    assert {"", ".", str(tmp_path)}.isdisjoint(path)
    assert len(path) >= 3


def test_an_answerer_that_cannot_be_imported_is_an_error_and_no_finding(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_that_name")
    with Child(broken, MEMORY) as child, pytest.raises(TinyaiError, match="No module named 'nothing_of_that_name'"):
        ask(child, "echo")


PLANTED = ("multiprocessing", "tinyai_registry", "onnx", "numpy", "google", "onnxruntime")
PLANTED_FILES = ("venv.py", "json.py", "resource.py", "signal.py", "onnx_cpp2py_export.py", "onnx_ml_pb2.py")


@pytest.mark.parametrize("words", [(), ("--load",)], ids=["validate", "validate --load"])
def test_modules_that_lie_in_the_working_directory_are_not_run(tmp_path, words):
    example = Path(__file__).parents[2] / "examples" / "registry"
    trap = "from pathlib import Path; Path({!r}).touch(); raise SystemExit('trapped')"
    for name in PLANTED:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(trap.format(str(tmp_path / "trapped")))
    for name in PLANTED_FILES:
        (tmp_path / name).write_text(trap.format(str(tmp_path / "trapped")))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tinyai_registry", "validate", str(example), *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "trapped").exists()
