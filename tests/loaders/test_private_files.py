"""Files under `var/` that other users of the machine cannot read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders import private_files
from loaders.errors import ConfigError


@pytest.fixture(params=[0o000, 0o022, 0o077])
def var(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Use a `var/` folder of an earlier release, under several umasks."""
    before = os.umask(request.param)
    folder = tmp_path / "var"
    (folder / "logs").mkdir(parents=True)
    (folder / "nightshift.duckdb").touch()
    (folder / "link").symlink_to(tmp_path)
    monkeypatch.setattr(private_files, "VAR", folder)
    yield folder
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_old_and_new_files_are_private_under_any_umask(var: Path) -> None:
    outside = _mode(var.parent)
    private_files.protect_process()
    (var / "new").mkdir()
    (var / "new" / "file").touch()
    made = private_files.make_folder(var / "a" / "b")
    for path in (var, var / "logs", var / "new", var / "a", made):
        assert _mode(path) == 0o700
    for path in (var / "nightshift.duckdb", var / "new" / "file"):
        assert _mode(path) == 0o600
    assert _mode(var.parent) == outside


def test_missing_folder_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_files, "VAR", tmp_path / "nowhere")
    before = os.umask(0o022)
    try:
        assert private_files.protect_process() == 0o022
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", ["file", "file/x", "file/x/y", "x" * 300])
def test_folder_that_cannot_be_created_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as caught:
        private_files.make_folder(tmp_path / name, remedy="Correct X")
    assert str(tmp_path / name) in str(caught.value)
    assert str(caught.value).endswith(". Correct X.")
