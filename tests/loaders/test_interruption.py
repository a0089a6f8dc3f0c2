"""A signal that comes while Python imports modules ends the process at once."""

import subprocess
import sys
from pathlib import Path

import pytest

# Python reports an exception in such a callback, and continues.
CALLBACK = """
import os, signal, weakref

class Module: ...

def release(_):
    os.kill(os.getpid(), signal.{name})

module = Module()
reference = weakref.ref(module, release)
del module
"""
BODY = "import os, signal\nos.kill(os.getpid(), signal.{name})\n"
COMMAND = """
from loaders import interruption
interruption.exit_quietly_during_imports()
import interrupted
print("went on")
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("module", [CALLBACK, BODY], ids=["callback", "body"])
def test_signal_during_an_import_ends_the_process(
    tmp_path: Path, module: str, name: str, code: int
) -> None:
    (tmp_path / "interrupted.py").write_text(module.format(name=name))
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(tmp_path)!r})"
         + COMMAND],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (code, "", "")
