"""SIGKILL at a chosen place: the whole run, workers and all, as a power cut would.

Python imports `sitecustomize` from the project's copy before anything else; it waits
there for a function to be called, and ends the process group before or after that.
"""

import signal
import subprocess

from tests.nightly.project import PATIENCE_SECONDS, Project

SITE = """
import importlib.abc
import importlib.machinery
import os
import signal
import sys

MODULE, ATTRIBUTE, WHEN, CALLS = os.environ["KILL_AT"].split(" ")


def armed(call):
    left = [int(CALLS)]

    def wrapper(*arguments, **options):
        left[0] -= 1
        if left[0] > 0:
            return call(*arguments, **options)
        if WHEN == "after":
            call(*arguments, **options)
        os.killpg(0, signal.SIGKILL)

    return wrapper


class Armed(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            owner, _, attribute = ATTRIBUTE.rpartition(".")
            holder = getattr(module, owner) if owner else module
            setattr(holder, attribute, armed(getattr(holder, attribute)))

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Armed())
"""


def kill_at(project: Project, place: str, *arguments: object) -> None:
    """Run `nightshift ARGUMENTS` until `place`, and there no further.

    `place` is "module function before|after n": the n-th call in a process. Fails when
    the run ends otherwise than by that kill.
    """
    site = project.folder / "sitecustomize.py"
    site.write_text(SITE, encoding="utf-8")
    with project.started(*arguments, KILL_AT=place) as process:
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    site.unlink()
    assert process.returncode == -signal.SIGKILL, f"not killed at {place}\n{output}"


def kill_after(project: Project, seconds: float, *arguments: object) -> bool:
    """Run `nightshift ARGUMENTS` and end it after a while; say whether it was done."""
    with project.started(*arguments) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            project.end(process)
        return process.returncode == 0
