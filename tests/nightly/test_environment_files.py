"""Both command lines with their settings in a file and none in the environment."""

from dataclasses import replace

import pytest

from tests.emulators.demo_setup import quoted
from tests.nightly.project import Project

DAY = "2026-11-24"
FILES = (".env", "var/demo/nightshift.env")


@pytest.fixture(params=FILES)
def configured_by_file(
    request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """Return a project whose settings are in one of the files."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    file = project.folder / request.param
    file.parent.mkdir(exist_ok=True)
    lines = (f"{name}={quoted(value)}\n" for name, value in project.environment.items())
    file.write_text("".join(lines))
    return replace(project, environment={})


def test_doctor_passes_with_the_settings_of_the_file(
    configured_by_file: Project,
) -> None:
    checks = configured_by_file.nightshift("doctor", "--json").expect(0).json["checks"]
    settings = next(check for check in checks if check["name"] == "settings")
    assert settings["message"].endswith(FILES)


@pytest.mark.slow
@pytest.mark.parametrize("configured_by_file", FILES[:1], indirect=True)
def test_luigi_reads_the_file(configured_by_file: Project) -> None:
    arguments = ("Nightly", "--data-date", DAY, "--local-scheduler")
    result = configured_by_file.luigi(*arguments)
    assert result.code == 1, result.err
    assert f"orgs/dt={DAY}/ is missing" in result.err
    assert "not set" not in result.err
