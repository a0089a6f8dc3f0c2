"""Fixtures for tests of mails: a warehouse, a mail server and settings for it."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import luigi
import pytest

from loaders import warehouse
from loaders.config import dbt_profile, settings
from orchestrate import progress
from orchestrate.dbt import graph
from orchestrate.dbt.graph import Graph
from tests.emulators.component import HOST
from tests.emulators.smtp import MailServer, serving

ON_CALL = ["good@example.com", "grey@example.com", "gone@example.com"]
Configure = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a DuckDB file with empty tables."""
    path = tmp_path_factory.mktemp("warehouse") / "test.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET", "local")
        patch.setenv("NIGHTSHIFT_DUCKDB_PATH", str(path))
        dbt_profile.target.cache_clear()
        with warehouse.transaction() as connection:
            warehouse.ensure_tables(connection)
    dbt_profile.target.cache_clear()
    yield path


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
