"""Kill a run with SIGKILL at a chosen function call.

Code that runs before anything of the project is imported wraps the chosen function,
which kills the process group before or after its n-th call.
"""

import signal
import subprocess

from tests.nightly.project import Project

# The process has a group of its own: not that of the tests.
KILL_POINT = """
import importlib.abc
import importlib.machinery
import os
import signal
import sys

os.setsid()
MODULE, ATTRIBUTE, WHEN, CALLS = os.environ["KILL_AT"].split(" ")


def killing_wrapper(call):
    remaining = [int(CALLS)]

    def wrapper(*arguments, **options):
        remaining[0] -= 1
        if remaining[0] > 0:
            return call(*arguments, **options)
        if WHEN == "after":
            call(*arguments, **options)
        os.killpg(0, signal.SIGKILL)

    return wrapper


class KillPointFinder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            owner, _, attribute = ATTRIBUTE.rpartition(".")
            holder = getattr(module, owner) if owner else module
            setattr(holder, attribute, killing_wrapper(getattr(holder, attribute)))

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, KillPointFinder())
"""


def kill_at(project: Project, kill_point: str, *arguments: object) -> None:
    """Run `nightshift ARGUMENTS` and kill it at `kill_point`.

    `kill_point` is "module function before|after n", for the n-th call in a process.
    Raises AssertionError if the run ends in any other way.
    """
    result = project.nightshift_after(KILL_POINT, *arguments, KILL_AT=kill_point)
    assert result.code == -signal.SIGKILL, (
        f"not killed at {kill_point}\n{result.out}\n{result.err}"
    )


def kill_after(project: Project, seconds: float, *arguments: object) -> bool:
    """Run `nightshift ARGUMENTS`, kill it after `seconds`; return whether it ended."""
    with project.start(*arguments) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            project.kill(process)
        return process.returncode == 0
