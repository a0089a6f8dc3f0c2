"""Installation: which Python `make install` chooses, and what the lock files hold."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {"requirements.lock": "dev", "deploy/requirements.lock": "deploy"}
PYTHONS = ("3.11", "3.12", "3.13")


def _make(folder: Path, pythons: dict[str, bool]) -> subprocess.CompletedProcess[str]:
    """Run `make` with these commands as the only Pythons: name, is it supported."""
    for name, is_supported in pythons.items():
        file = folder / name
        file.write_text(f"#!/bin/sh\nexit {0 if is_supported else 1}\n")
        file.chmod(0o755)
    for name in ("make", "sh"):
        found = subprocess.check_output(["which", name], text=True).strip()
        (folder / name).symlink_to(found)
    return subprocess.run(
        ["make", "-f", PROJECT / "Makefile", ".venv/installed-requirements.lock"],
        cwd=folder,
        env={"PATH": str(folder), "SHELL": "/bin/sh"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3": True, "python3.13": True}, "python3"),
        ({"python3": False, "python3.13": True, "python3.11": True}, "python3.13"),
        ({"python3": False, "python3.12": True, "python3.11": True}, "python3.12"),
        ({"python3.13": False, "python3.12": False, "python3.11": True}, "python3.11"),
        ({"python3": False, "python3.13": False}, None),
        ({}, None),
    ],
)
def test_make_uses_the_first_supported_python(
    tmp_path: Path, pythons: dict[str, bool], chosen: str | None
) -> None:
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    result = _make(tmp_path, pythons)
    if chosen:
        assert f"{chosen} -m venv .venv" in result.stdout.splitlines()
    else:
        assert "Nightshift needs Python 3.11, 3.12 or 3.13" in result.stderr
        assert "Error 3" in result.stderr


def test_this_python_passes_the_check_of_the_makefile() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    code = re.search(r"^SUPPORTED := (.*)$", makefile, re.MULTILINE)
    assert code is not None
    assert subprocess.run([sys.executable, "-c", code[1]], check=False).returncode == 0
    supported = SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert all(supported.contains(python) for python in PYTHONS)
    assert not any(supported.contains(python) for python in ("3.10", "3.14"))
    assert "(3, 11) <= sys.version_info < (3, 14)" in code[1]


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("python", PYTHONS)
def test_lock_has_each_dependency_once_with_hashes(lock: str, python: str) -> None:
    locked: dict[str, Requirement] = {}
    environment = {"python_version": python, "python_full_version": f"{python}.7"}
    for line, hashes in _entries(lock):
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        name = canonicalize_name(requirement.name)
        assert name not in locked, name
        assert hashes > 0, name
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), line
        locked[name] = requirement
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["task-history"], *extras[LOCKS[lock]]]
    for line in wanted:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        version = str(locked[canonicalize_name(requirement.name)].specifier)[2:]
        assert requirement.specifier.contains(version), line
    assert ("sqlalchemy" in locked) == (python != "3.13")


def test_production_has_the_versions_that_are_tested() -> None:
    tested = {line for line, _ in _entries("requirements.lock")}
    names = {line.partition(";")[0] for line in tested}
    names |= {re.sub(r"\[.*?\]", "", name) for name in names}
    for line, _ in _entries("deploy/requirements.lock"):
        assert re.sub(r"\[.*?\]", "", line.partition(";")[0]) in names, line


def test_locks_name_no_host_and_no_path() -> None:
    for lock in LOCKS:
        text = (PROJECT / lock).read_text(encoding="utf-8")
        assert not re.search(r"://|^-|index|file:|@ ", text, re.MULTILINE), lock


def test_makefile_installs_from_the_index_without_a_build_step() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert "--require-hashes -r $(LOCK)" in makefile
    assert "--no-deps --no-build-isolation -e ." in makefile
    assert os.access(PROJECT / ".ci" / "run", os.X_OK)


def _entries(lock: str) -> list[tuple[str, int]]:
    """Return each requirement of a lock file and the number of its hashes."""
    entries: list[tuple[str, int]] = []
    for line in (PROJECT / lock).read_text(encoding="utf-8").splitlines():
        if line.startswith("    --hash=sha256:"):
            entries[-1] = (entries[-1][0], entries[-1][1] + 1)
        elif line and not line.lstrip().startswith("#"):
            entries.append((line.removesuffix("\\").strip(), 0))
    return entries
