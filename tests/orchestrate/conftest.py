"""Fixtures: a warehouse, a log, a mail server, a receiver of lineage, settings."""

import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import luigi
import pytest
import structlog

from loaders import warehouse
from loaders.config import dbt_profile, settings
from loaders.config.environment import PROJECT
from orchestrate import logs, progress
from orchestrate.dbt import graph, manifest
from orchestrate.dbt.graph import Graph
from orchestrate.runs import lineage
from orchestrate.runs.outcome import ExitCode, Outcome
from reports.console import error_console
from tests.emulators.component import HOST
from tests.emulators.receiver import Receiver, receiving
from tests.emulators.smtp import MailServer, serving

ON_CALL = ["good@example.com", "grey@example.com", "gone@example.com"]
Configure = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def own_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_tables: Path
) -> Iterator[None]:
    """Use a DuckDB file of its own, and retries without waits."""
    file = shutil.copy(empty_tables, tmp_path / "test.duckdb")
    monkeypatch.setenv("DBT_TARGET", "local")
    monkeypatch.setenv("NIGHTSHIFT_DUCKDB_PATH", str(file))
    monkeypatch.setattr(graph, "load", lambda: Graph({}))
    monkeypatch.setattr(progress, "_is_enabled", True)
    dbt_profile.target.cache_clear()
    config = luigi.configuration.get_config()
    config.set("MailReport", "retry_sleep", "0.001")
    with warehouse.keep_open():
        yield
    config.remove_section("MailReport")
    dbt_profile.target.cache_clear()
    settings.load.cache_clear()


@pytest.fixture
def server(tmp_path: Path) -> MailServer:
    """Return the handler of the mail server."""
    folder = tmp_path / "mail"
    folder.mkdir()
    return MailServer(folder)


@pytest.fixture
def configured(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Return a context that runs the mail server and points the settings at it."""

    @contextmanager
    def configure(**values: str) -> Iterator[None]:
        with serving(server, smtputf8=False) as port:
            environment = {
                "SMTP__HOST": HOST,
                "SMTP__PORT": str(port),
                "SMTP__SENDER": "n@example.com",
                "ON_CALL__RECIPIENTS": json.dumps(ON_CALL),
                **values,
            }
            for name, value in environment.items():
                monkeypatch.setenv(f"NIGHTSHIFT_{name}", value)
            settings.load.cache_clear()
            yield

    return configure


@pytest.fixture(autouse=True)
def unread_settings() -> Iterator[None]:
    """Let each test read its own settings."""
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


@pytest.fixture
def lineage_receiver(
    parsed_dbt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Receiver]:
    """Run a receiver that the settings name, for a project that dbt has parsed."""
    monkeypatch.chdir(tmp_path)  # not in a git checkout
    monkeypatch.setenv("DBT_PROFILES_DIR", str(PROJECT))
    read_target = dbt_profile.target
    monkeypatch.setattr(manifest, "MANIFEST", parsed_dbt / "manifest.json")
    with receiving() as started:
        for name, value in {
            "OPENLINEAGE_URL": f"http://{started.address}",
            "NIGHTSHIFT_RAW_URL": "s3://raw-bucket/in #1",
            "NIGHTSHIFT_ARCHIVE_URL": "s3://archive-bucket/out",
            "NIGHTSHIFT_SALESFORCE__INSTANCE_URL": "https://acme.example.com/x",
            "DBT_ENV_SECRET_PASSWORD": "sesame-open-1",
            "DBT_TARGET": "local",
        }.items():
            monkeypatch.setenv(name, value)
        settings.load.cache_clear()
        read_target.cache_clear()
        yield started
    lineage.run_ended(Outcome("", ExitCode.DONE))
    settings.load.cache_clear()
    read_target.cache_clear()


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Log to a temporary file; restore the logging configuration afterwards."""
    path = tmp_path / "var" / "logs" / "nightshift.log"
    monkeypatch.setattr(logs, "LOG_FILE", path)
    names = (*logs.LOGGERS, logs.DBT_LOGGER, None)
    loggers = [logging.getLogger(name) for name in names]
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    show_exception = threading.excepthook
    yield path
    threading.excepthook = show_exception
    logging.captureWarnings(False)
    error_console.set_on_line(None)
    logs.set_context()
    for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
        each.handlers[:] = handlers
        each.setLevel(level)
        each.propagate = propagate
    structlog.reset_defaults()
