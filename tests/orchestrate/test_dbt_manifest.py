"""When the kept manifest of the dbt project is stale."""

from pathlib import Path

import pytest
import yaml

from loaders.config.settings import PROJECT
from loaders.errors import ConfigError
from orchestrate.dbt import manifest

PATH_SETTINGS = ("model-paths", "macro-paths", "seed-paths", "test-paths")


def _dbt_folders() -> list[str]:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    return [folder for setting in PATH_SETTINGS for folder in project[setting]]


def test_all_folders_that_dbt_reads_are_part_of_the_digest() -> None:
    assert sorted(manifest.PROJECT_FOLDERS) == sorted(_dbt_folders())


@pytest.mark.parametrize("folder", _dbt_folders())
def test_changed_file_in_a_dbt_folder_changes_the_digest(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "PROJECT", tmp_path)
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / folder).mkdir(parents=True)
    before = manifest._project_digest()
    (tmp_path / folder / "new.csv").write_text("a\n1\n", encoding="utf-8")
    assert manifest._project_digest() != before


def test_file_that_dbt_cannot_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "PROJECT", tmp_path)
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.sql").write_bytes(b"select '\xe9'")
    with pytest.raises(ConfigError, match=r"models/a\.sql is not valid UTF-8"):
        manifest.read()
