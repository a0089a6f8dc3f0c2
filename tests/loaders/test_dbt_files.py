"""A broken profiles.yml or dbt_project.yml: one error with the file and what to do."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders.config import dbt_project, settings
from loaders.config.dbt_profile import target, target_name
from loaders.errors import ConfigError

PASSWORD = "sesame-open-1"
OUTPUTS = "nightshift:\n  target: local\n  outputs:\n"


def _local(expression: str) -> str:
    """Return a profile whose DuckDB path is a Jinja expression."""
    return f'{OUTPUTS}    local: {{type: duckdb, path: "{{{{ {expression} }}}}"}}\n'


LOCAL = f"{OUTPUTS}    local: {{type: duckdb, path: x.duckdb}}\n"

PROFILES: dict[str, tuple[bytes | str, str]] = {
    "not UTF-8": (f"password: {PASSWORD}\xe9".encode("latin-1"), "is not valid UTF-8"),
    "UTF-16": (LOCAL.encode("utf-16"), "is not valid UTF-8"),
    "NUL": ("a: \x00", "is not valid YAML"),
    "a list": ("- nightshift", "it is a list"),
    "text": (PASSWORD, "it is a str"),
    "a number": ("7", "it is a int"),
    "empty": ("", "has no profile 'nightshift'"),
    "comments only": ("# nothing", "has no profile 'nightshift'"),
    "other profile": ("jaffle:\n  outputs: {}\n", "has no profile 'nightshift'"),
    "profile is text": (f"nightshift: {PASSWORD}", "it is a str"),
    "no outputs": ("nightshift:\n  target: local\n", "outputs of nightshift"),
    "outputs a list": ("nightshift: {outputs: [local]}", "it is a list"),
    "output empty": (f"{OUTPUTS}    local:\n", "outputs.local"),
    "output a list": (f"{OUTPUTS}    local: [duckdb]\n", "it is a list"),
    "target missing": (f"{OUTPUTS}    dev: {{}}\n", "Target 'local' is not in"),
    "no target": (LOCAL.replace("target: local", "x: y"), "Target 'default' is not in"),
    "no type": (f"{OUTPUTS}    local: {{path: x}}\n", "has no 'type'"),
    "a tab": (
        f"nightshift:\n\ttarget: local # {PASSWORD}\n",
        "line 2 is not valid",
    ),
    "two colons": (f"nightshift:\n  a: b\n  password: a: {PASSWORD}\n", "line 3"),
    "open quote": (f"nightshift:\n  password: '{PASSWORD}\n", "is not valid YAML"),
    "open bracket": ("nightshift: [1,\n", "is not valid YAML"),
    "alias": (f"nightshift:\n  password: *{PASSWORD}\n", "line 2 is not valid"),
    "tag": (f"nightshift: !{PASSWORD} x", "line 1 is not valid YAML"),
    "impossible date": ("nightshift: 2026-02-30", "is not valid YAML"),
    "deep": ("[" * 5000, "is not valid YAML"),
    "key is a number": (
        f"{OUTPUTS}    local: {{1: 2}}\n",
        "keys are not all text",
    ),
    "variable missing": (_local("env_var('NOT_SET_1')"), "NOT_SET_1 is not set"),
    "variable is no number": (_local("env_var('SECRET_1') | as_number"), "ValueError"),
    "unknown filter": (_local("1 | as_money"), "path of outputs.local"),
    "syntax": (_local("1 +"), "path of outputs.local"),
    "undefined": (_local("no_such_name"), "path of outputs.local"),
    "division": (_local("1 / 0"), "ZeroDivisionError"),
    "arguments": (_local("env_var()"), "TypeError"),
}


@pytest.fixture(autouse=True)
def profiles_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Use an empty folder for profiles.yml."""
    for name in list(os.environ):
        if name.startswith(("NIGHTSHIFT_", "DBT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_1", PASSWORD)
    target.cache_clear()
    settings.load.cache_clear()
    yield tmp_path
    target.cache_clear()
    settings.load.cache_clear()


@pytest.mark.parametrize("case", sorted(PROFILES))
def test_broken_profile_is_one_error(case: str, profiles_folder: Path) -> None:
    content, expected = PROFILES[case]
    file = profiles_folder / "profiles.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        target()
    message = str(caught.value)
    assert expected in message and str(file) in message
    assert PASSWORD not in message
    assert message.rstrip().endswith(".") and len(message.splitlines()) == 1
    settings.load()  # other settings can still be read


def test_profile_that_is_a_folder_or_a_broken_link(profiles_folder: Path) -> None:
    file = profiles_folder / "profiles.yml"
    file.mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        target()
    file.rmdir()
    file.symlink_to("nowhere")
    with pytest.raises(ConfigError, match="does not exist"):
        target()


def test_profile_that_may_not_be_read(
    profiles_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (profiles_folder / "profiles.yml").write_text(LOCAL)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        target()


@pytest.mark.parametrize("folder", ["nowhere", "file/x"])
def test_folder_of_profiles_that_does_not_exist(
    folder: str, profiles_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (profiles_folder / "file").touch()
    monkeypatch.setenv("DBT_PROFILES_DIR", str(profiles_folder / folder))
    with pytest.raises(ConfigError, match="Correct DBT_PROFILES_DIR"):
        target()


def test_default_target_is_the_one_of_the_profile(
    profiles_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (profiles_folder / "profiles.yml").write_text(
        "nightshift: {target: lake, outputs: {lake: {type: duckdb, schema: m}}}"
    )
    assert target_name() == target().name == "lake"
    monkeypatch.setenv("DBT_TARGET", "other")
    assert target_name() == "other"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("vars: {a: [}", "is not valid YAML"),
        ("- vars", "it is a list"),
        ("", "vars in"),
        ("vars: 7", "vars in"),
        ("vars: {nightshift: [1]}", "vars.nightshift in"),
        ("vars: {max_reject_ratio: 0.1}", "The var trial_period_days"),
        ("{}", "vars in"),
    ],
)
def test_broken_project_file_is_one_error(
    content: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dbt_project.yml"
    file.write_text(content)
    monkeypatch.setattr(dbt_project, "FILE", file)
    with pytest.raises(ConfigError) as caught:
        dbt_project.project_vars()
    assert expected in str(caught.value) and str(file) in str(caught.value)


@pytest.mark.parametrize("value", ["ten", "-1", "true", "[1]", "null", '"7"'])
def test_constant_that_is_no_number_is_named(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = dbt_project.FILE.read_text(encoding="utf-8")
    assert "late_arrival_days: 2" in text
    file = tmp_path / "dbt_project.yml"
    file.write_text(text.replace("late_arrival_days: 2", f"late_arrival_days: {value}"))
    monkeypatch.setattr(dbt_project, "FILE", file)
    with pytest.raises(ConfigError, match="The var late_arrival_days in"):
        dbt_project.project_vars()
