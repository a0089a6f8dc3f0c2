"""`nightshift init`: the files it writes, from questions and from flags."""

import configparser
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner, Result

from loaders.config import environment, settings
from loaders.config.environment import PROJECT
from loaders.errors import ConfigError
from orchestrate.cli.main import app
from orchestrate.cli.setup_questions import QUESTIONS
from tests.nightly.project import Project

SECRET = "sesame-'open'-1 $x \\"
REQUIRED = {
    "NIGHTSHIFT_RAW_URL": "s3://bucket/raw",
    "NIGHTSHIFT_ARCHIVE_URL": "s3://bucket/archive",
    "NIGHTSHIFT_SALESFORCE__INSTANCE_URL": "https://acme.my.salesforce.com",
    "NIGHTSHIFT_SALESFORCE__CLIENT_ID": "3MVG9",
    "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET": "secretsmanager:crm",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, without settings."""
    for name in list(os.environ):
        if name.upper().startswith(("NIGHTSHIFT_", "DBT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    settings.load.cache_clear()
    yield tmp_path
    settings.load.cache_clear()


def _init(*arguments: str, answers: str | None = None, **given: str) -> Result:
    """Run `init` without its checks; `given` are the answers of --set."""
    flags = [part for item in given.items() for part in ("--set", "=".join(item))]
    return CliRunner().invoke(
        app, ["init", "--no-doctor", *arguments, *flags], input=answers
    )


def _variables(folder: Path) -> dict[str, str | None]:
    return dict(dotenv_values(folder / ".env"))


def test_flags_answer_all_questions(folder: Path) -> None:
    result = _init("--no-input", **REQUIRED, LUIGI_SCHEDULER_URL="http://luigid:8082")
    assert result.exit_code == 0, result.output
    assert _variables(folder).items() >= {**REQUIRED, "DBT_TARGET": "local"}.items()
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    example = (PROJECT / "profiles.yml.example").read_text()
    assert (folder / "profiles.yml").read_text() == example
    found = configparser.RawConfigParser()
    found.read(folder / "luigi.cfg")
    assert found["core"]["default_scheduler_url"] == "http://luigid:8082"
    central = configparser.RawConfigParser()
    central.read(PROJECT / "luigi-central.cfg")
    del central["core"]["default_scheduler_url"]
    for section in central.sections():
        assert found[section].items() >= central[section].items()
    again = _init("--no-input")
    assert again.exit_code == 0, again.output
    assert again.output.count("unchanged") == 3


def test_scheduler_can_be_left_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the project's folder, the files that init writes are its templates."""
    for name in ("luigi.cfg", "luigi-central.cfg", "profiles.yml.example"):
        shutil.copy(PROJECT / name, folder)
    original = (folder / "luigi.cfg").read_text()
    monkeypatch.setattr(environment, "PROJECT", folder)
    options = ("--no-input", "--overwrite")
    texts = []
    for url in ("http://a:1", "http://b:2", ""):
        result = _init(*options, **REQUIRED, LUIGI_SCHEDULER_URL=url)
        assert result.exit_code == 0, result.output
        texts.append((folder / "luigi.cfg").read_text())
    assert texts[1] == texts[0].replace("http://a:1", "http://b:2")
    assert texts[2] == original


def test_questions_are_asked_until_the_answer_is_valid(folder: Path) -> None:
    answers = (
        *("", "raw", "s3://bucket/raw", "s3://bucket/archive", "eu-west-1"),
        *("", "https://acme.my.salesforce.com", "", "3MVG9", SECRET),
        *("smtp.example.com", "n@x.com", "mailer", "hush-hush", "a@x.com,b@x.com", ""),
        *("", "", ""),
    )
    result = _init(answers="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    assert "must look like s3://bucket/prefix" in result.output
    assert "An answer is required" in result.output
    assert SECRET not in result.output
    found = environment.read(folder / ".env")
    assert found["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"] == SECRET
    assert found["NIGHTSHIFT_SALESFORCE__AUTH"] == "client_credentials"
    assert found["NIGHTSHIFT_REPORT__RECIPIENTS"] == "a@x.com,b@x.com"
    assert found["AWS_REGION"] == "eu-west-1"
    assert "NIGHTSHIFT_ON_CALL__RECIPIENTS" not in found
    assert "local_scheduler = true" in (folder / "luigi.cfg").read_text()


@pytest.mark.parametrize(
    ("arguments", "answers", "given", "words"),
    [
        (["--no-input"], None, {"NIGHTSHIFT_RAW_URL": ""}, "NIGHTSHIFT_RAW_URL"),
        (["--no-input"], None, {"NIGHTSHIFT_RAW_URL": "x"}, "s3://bucket/prefix"),
        (["--no-input"], None, {"NIGHTSHIFT_RAW_URI": "s3://b/x"}, "not a setting"),
        (["--no-input"], None, {"NIGHTSHIFT_SMTP__PORT": "0"}, "SMTP__PORT"),
        (["--no-input"], None, {"NIGHTSHIFT_SMTP__PASSWORD": SECRET}, "command line"),
        (["--no-input"], None, {"AWS_SECRET_ACCESS_KEY": SECRET}, "AWS_PROFILE"),
        (
            ["--no-input"],
            None,
            {"NIGHTSHIFT_ALERTS__URLS": f"slack://{SECRET}"},
            "command line",
        ),
        (["--set", "novalue"], None, {}, "NAME=VALUE"),
        ([], "local\n", {}, "nothing was written"),
    ],
)
def test_bad_answer_writes_nothing(
    folder: Path,
    arguments: list[str],
    answers: str | None,
    given: dict[str, str],
    words: str,
) -> None:
    base = REQUIRED if "--no-input" in arguments else {}
    result = _init(*arguments, answers=answers, **{**base, **given})
    assert isinstance(result.exception, ConfigError)
    assert words in str(result.exception)
    assert SECRET not in str(result.exception)
    assert list(folder.iterdir()) == []


def test_existing_file_is_replaced_with_permission_only(folder: Path) -> None:
    (folder / "luigi.cfg").write_text("mine")
    refused = _init("--no-input", **REQUIRED)
    assert isinstance(refused.exception, ConfigError)
    assert "luigi.cfg would be replaced" in str(refused.exception)
    assert [path.name for path in folder.iterdir()] == ["luigi.cfg"]
    answers = "\n" * sum(q.variable not in REQUIRED for q in QUESTIONS)
    _init(answers=f"{answers}n\n", **REQUIRED)
    assert (folder / "luigi.cfg").read_text() == "mine"
    assert (folder / "profiles.yml").exists()
    _init("--no-input", "--overwrite")
    assert "local_scheduler" in (folder / "luigi.cfg").read_text()


def test_existing_variables_are_kept(folder: Path) -> None:
    (folder / ".env").write_text(
        "AWS_PROFILE=analytics\nNIGHTSHIFT_SALESFORCE__CLIENT_SECRET_FILE=/run/s\n"
        "NIGHTSHIFT_RAW_URL=s3://old/raw\nNIGHTSHIFT_LOG_FORMAT=human\n"
    )
    given = {k: v for k, v in REQUIRED.items() if not k.endswith(("SECRET", "RAW_URL"))}
    result = _init("--no-input", "--overwrite", **given)
    assert result.exit_code == 0, result.output
    kept = {
        "AWS_PROFILE": "analytics",
        "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET_FILE": "/run/s",
        "NIGHTSHIFT_RAW_URL": "s3://old/raw",
        "NIGHTSHIFT_LOG_FORMAT": "human",
    }
    found = _variables(folder)
    assert found.items() >= kept.items()
    assert "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET" not in found


@pytest.mark.parametrize(
    "value", ["a", "it's", 'a"b', "\\", "a'\\", " x ", "#y", "é$x"]
)
def test_file_of_variables_returns_each_value(folder: Path, value: str) -> None:
    environment.write(folder / "file", {"A": value, "B": "2"}, header="# x\n")
    assert environment.read(folder / "file") == {"A": value, "B": "2"}


def test_value_that_a_file_cannot_hold_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match="NAME_FILE"):
        environment.write(folder / "file", {"NAME": "${x}"}, header="")
    assert list(folder.iterdir()) == []


def test_version_and_completion(
    monkeypatch: pytest.MonkeyPatch, project: Project
) -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("nightshift 0.")
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    completed = project.nightshift(
        _NIGHTSHIFT_COMPLETE="complete_bash",
        COMP_WORDS="nightshift salesforce d",
        COMP_CWORD="2",
    ).expect(0)
    assert completed.out.split() == ["diff"]


def test_doctor_passes_with_the_written_files(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    values = dict(project.environment)
    secret = values.pop("NIGHTSHIFT_SALESFORCE__CLIENT_SECRET")
    keys = {name: values.pop(name) for name in list(values) if name.startswith("AWS_")}
    (project.folder / "secret").write_text(secret)
    values["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET_FILE"] = "secret"
    flags = [part for item in values.items() for part in ("--set", "=".join(item))]
    result = replace(project, environment=keys).nightshift("init", "--no-input", *flags)
    result.expect(0)
    assert "all required settings are set" in result.out
