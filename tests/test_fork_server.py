"""A forked command does what a new process does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fork_server import IS_SUPPORTED, Request, fork_server

pytestmark = pytest.mark.skipif(not IS_SUPPORTED, reason="needs Linux")

COMMANDS = {
    "output, arguments and folder": (
        "import os, sys; print(sys.argv, os.getcwd()); print('ü', file=sys.stderr)"
    ),
    "no input": "print(input())",
    "exit code": "raise SystemExit(3)",
    "message as exit code": "raise SystemExit('wrong')",
    "signal": "import os, signal; print(flush=True); os.kill(os.getpid(), 15)",
    "end of the interpreter": (
        "import atexit, threading; atexit.register(print, 'end');"
        "threading.Timer(0.1, print, ['thread']).start()"
    ),
    "variables": "import os; print(os.environ.get('ADDED'), os.environ.get('HOME'))",
    "module in the folder": "import own; print(own.__file__)",
    "encoding": "print('ü')",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_forked_command_does_what_a_new_process_does(name: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").touch()
    environment = {
        "ADDED": "x",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
    }
    if name == "encoding":
        environment["PYTHONIOENCODING"] = "latin-1"
    arguments = ["--date", "2026-11-24"]
    new = subprocess.run(
        [sys.executable, "-c", COMMANDS[name], *arguments],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="latin-1" if name == "encoding" else "utf-8",
    )
    forked = fork_server().run(
        Request(COMMANDS[name], arguments, str(tmp_path), environment), timeout=60
    )
    assert forked.returncode == new.returncode
    if name == "encoding":
        assert forked.stdout == "\\xfc\n"  # bytes that are no UTF-8 are shown like this
    else:
        assert forked.stdout == new.stdout
        assert forked.stderr.splitlines()[-1:] == new.stderr.splitlines()[-1:]


def test_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    request = Request("import time; time.sleep(60)", [], str(tmp_path), {})
    with pytest.raises(subprocess.TimeoutExpired):
        fork_server().run(request, timeout=0.2)
