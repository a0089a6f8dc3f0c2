"""`nightshift doctor`: each check runs, also when others fail."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loaders import ledger, warehouse
from loaders.config import dbt_profile, environment, settings
from loaders.config.environment import PROJECT
from loaders.ledger.models import ModelRun
from orchestrate.cli import doctor
from orchestrate.cli.main import app
from orchestrate.dbt import graph
from orchestrate.dbt.graph import Graph, Node
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.receiver import receiving

CURRENT = Node(
    name="fct_org_day",
    unique_id="model.nightshift.fct_org_day",
    schema="marts",
    relation="fct_org_day",
    parents=(),
    own_sources=frozenset(),
    sources=frozenset(),
    tests=frozenset(),
    code_checksum="",
)


@pytest.fixture
def empty_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use a DuckDB file that does not exist, and a project with one model."""
    monkeypatch.setenv("DBT_TARGET", "local")
    monkeypatch.setenv("NIGHTSHIFT_DUCKDB_PATH", str(tmp_path / "test.duckdb"))
    monkeypatch.setattr(graph, "load", lambda: Graph({CURRENT.name: CURRENT}))
    dbt_profile.target.cache_clear()
    yield
    dbt_profile.target.cache_clear()


def _record_build(connection: warehouse.Connection, model: str, status: str) -> None:
    run = ModelRun(
        model=model,
        data_date=date(2026, 11, 24),
        data_date_from=date(2026, 11, 24),
        code_checksum="",
        input_fingerprint="",
        rows=0,
        tests=0,
        tests_warned=0,
        status=status,
        seconds=0.0,
    )
    ledger.record_model_runs(connection, [run], env="local", version="v1", run_id="r")


@pytest.mark.usefixtures("empty_warehouse")
def test_retired_models_check_passes_without_a_warehouse() -> None:
    check = doctor.check_retired_models()
    assert check.passed
    assert check.message == "no relation of a removed model exists"


@pytest.mark.usefixtures("empty_warehouse")
def test_retired_models_check_names_only_relations_of_removed_models() -> None:
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        for model, status in (
            ("old_mart", "success"),
            ("old_view", "success"),
            ("dropped_mart", "success"),
            ("failed_mart", "failed"),
            ("fct_org_day", "success"),
            ("raw_orgs", "success"),
        ):
            _record_build(connection, model, status)
        for name in ("old_mart", "failed_mart", "fct_org_day", "analyst_table"):
            connection.execute(f"create table marts.{name} (id integer)")
        connection.execute("create view staging.old_view as select 1 as id")
        connection.execute("create schema elsewhere")
        connection.execute("create table elsewhere.old_mart (id integer)")
    check = doctor.check_retired_models()
    assert check.passed
    assert check.message == (
        "relations of removed models exist: marts.old_mart, staging.old_view. "
        "Drop them: dbt run-operation drop_retired_models --target local"
    )


@pytest.mark.usefixtures("empty_warehouse")
def test_retired_models_check_passes_if_the_warehouse_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "test.duckdb").write_bytes(b"not a database")
    check = doctor.check_retired_models()
    assert check.passed
    assert check.message.startswith("not checked: ")


ALL_CHECKS = [
    *("settings", "dbt profile", "dbt project", "warehouse", "raw bucket"),
    *("archive bucket", "salesforce", "mail", "retired models"),
]
LOCAL_CHECKS = {"dbt profile", "dbt project", "warehouse", "retired models"}


@pytest.fixture
def no_services(
    empty_warehouse: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Use an empty working directory and no settings but the warehouse's."""
    for name in list(os.environ):
        if name.startswith("NIGHTSHIFT_") and name != "NIGHTSHIFT_DUCKDB_PATH":
            monkeypatch.delenv(name)
    shutil.copy(PROJECT / "profiles.yml.example", tmp_path / "profiles.yml")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings.load.cache_clear()
    yield
    (tmp_path / ".env").unlink(missing_ok=True)
    environment.apply()
    settings.load.cache_clear()


@pytest.mark.usefixtures("no_services")
@pytest.mark.parametrize(
    ("broken", "content", "passed", "message"),
    [
        (".env", b"NIGHTSHIFT_RAW_URL=s3://b/\xe9", LOCAL_CHECKS, "not valid UTF-8"),
        (".env", "A=1\n".encode("utf-16"), LOCAL_CHECKS, "not valid UTF-8"),
        (".env", b"A=1\nB\n", LOCAL_CHECKS, "line 2 is not NAME=value"),
        (".env", b"A='1\n", LOCAL_CHECKS, "line 1 is not NAME=value"),
        (".env", b"A=1\nB=2\nA=3\n", LOCAL_CHECKS, "line 3"),
        (
            ".env",
            b"NIGHTSHIFT_RAWURL=x",
            {*LOCAL_CHECKS, "mail"},
            "NIGHTSHIFT_RAWURL is not",
        ),
        (".env", b"NIGHTSHIFT_SMTP__PORT=x", LOCAL_CHECKS, "SMTP__PORT is malformed: "),
        ("profiles.yml", b"\xff", {"dbt project", "mail"}, "not valid UTF-8"),
        ("profiles.yml", b"- a", {"dbt project", "mail"}, "it is a list"),
        (
            "profiles.yml",
            b"nightshift: {}",
            {"dbt project", "mail"},
            "outputs of nightshift",
        ),
    ],
)
def test_broken_file_fails_one_check_and_the_others_are_shown(
    broken: str, content: bytes, passed: set[str], message: str
) -> None:
    Path(broken).write_bytes(content)
    environment.apply()
    checks = {check.name: check for check in doctor.run_checks()}
    assert list(checks) == ALL_CHECKS
    subject = "settings" if broken == ".env" else "dbt profile"
    assert message in checks[subject].message
    found = {name for name, check in checks.items() if check.passed}
    assert found == passed | {"retired models"}
    explained = [c.message for c in checks.values() if message in c.message]
    assert len(explained) == 1


@pytest.mark.usefixtures("no_services")
def test_fault_of_one_check_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> Graph:
        raise KeyError("nodes")

    monkeypatch.setattr(graph, "load", fail)
    checks = {check.name: check for check in doctor.run_checks()}
    assert list(checks) == ALL_CHECKS
    assert checks["dbt project"].message.startswith("Unexpected KeyError: 'nodes'")
    assert checks["warehouse"].passed


@pytest.mark.usefixtures("no_services")
@pytest.mark.parametrize(
    ("urls", "passed", "parts"),
    [
        ("json://127.0.0.1/s3cret", True, ["entry 1 (json): critical, error, warning"]),
        ("slack://s3cret-token", False, ["entry 1 (slack) is malformed"]),
        ("s3cret", False, ["not checked", "ALERTS__URLS"]),
    ],
)
def test_alert_urls_are_checked_without_sending(
    urls: str, passed: bool, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERTS__URLS", urls)
    check = {check.name: check for check in doctor.run_checks()}["alerts"]
    assert check.passed == passed
    assert all(part in check.message for part in parts)
    assert "s3cret" not in check.message


@pytest.mark.usefixtures("no_services")
def test_test_alert_shows_who_has_received_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        urls = f"json://{receiver.address}/s3cret json://{HOST}:{CLOSED_PORT}/s3cret"
        monkeypatch.setenv("NIGHTSHIFT_ALERTS__URLS", urls)
        result = CliRunner().invoke(app, ["doctor", "--send-test-alert", "--json"])
        (received,) = receiver.take()
    assert b"Test alert of Nightshift" in received.body
    found = json.loads(result.stdout[result.stdout.index("{") :])["checks"]
    checks = {each["name"]: each for each in found}
    assert checks["entry 1 (json)"]["passed"]
    assert "Connection error" in checks["entry 2 (json)"]["message"]
    assert result.exit_code == 3 and "s3cret" not in result.stdout
    monkeypatch.delenv("NIGHTSHIFT_ALERTS__URLS")
    result = CliRunner().invoke(app, ["doctor", "--send-test-alert"])
    assert result.exit_code == 3 and "nobody receives alerts" in result.stdout


@pytest.mark.usefixtures("no_services")
def test_check_of_a_malformed_setting_is_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("RAW_URL", "SALESFORCE__AUTH", "ON_CALL__RECIPIENTS"):
        monkeypatch.setenv(f"NIGHTSHIFT_{name}", "[")
    checks = {check.name: check.message for check in doctor.run_checks()}
    for name, setting in (
        ("raw bucket", "RAW_URL"),
        ("salesforce", "SALESFORCE__AUTH"),
        ("mail", "ON_CALL__RECIPIENTS"),
    ):
        expected = f"not checked, because NIGHTSHIFT_{setting} is malformed"
        assert checks[name] == expected
    assert "is not set" in checks["archive bucket"]
