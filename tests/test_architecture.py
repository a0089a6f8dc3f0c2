"""Who may import what: bytes, schedules and the outside world stay in their rooms."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PRODUCT = [
    *sorted((PROJECT / "loaders").rglob("*.py")),
    *sorted((PROJECT / "orchestrate").rglob("*.py")),
]
# The one module that may import a client library. A cluster's sessions are opened with
# dbt's credential classes, which log in to AWS; the rest of dbt is one module's.
IMPORTERS = {
    "boto3": {"loaders/s3.py"},
    "botocore": {"loaders/s3.py", "loaders/cluster.py"},
    "duckdb": {"loaders/embedded.py"},
    "redshift_connector": {"loaders/cluster.py"},
    "simple_salesforce": {"loaders/salesforce/client.py"},
    "smtplib": {"loaders/mail.py"},
    "jinja2": {"loaders/report/render.py", "loaders/profile.py"},
    "matplotlib": {"loaders/report/pictures.py"},
    "lkml": {"loaders/looker/files.py"},
    "dbt.cli": {"orchestrate/dbt_invocation.py"},
    "dbt.contracts": {"orchestrate/dbt_invocation.py"},
    "dbt_common": {"orchestrate/dbt_invocation.py", "loaders/cluster.py"},
    "dbt.adapters": {"loaders/cluster.py"},
}
ENGINE_ROOMS = {
    "loaders/warehouse.py",
    "loaders/copy.py",
    "loaders/archive.py",
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("library", sorted(IMPORTERS))
def test_a_client_library_has_one_importer(library: str) -> None:
    importers = {
        _name(path)
        for path in PRODUCT
        if any(_is_within(module, library) for module in _imports(path))
    }
    assert importers == IMPORTERS[library]


def test_loaders_know_nothing_of_schedules() -> None:
    for path in PRODUCT:
        if _name(path).startswith("loaders/"):
            for module in _imports(path):
                assert not _is_within(module, "luigi"), _name(path)
                assert not _is_within(module, "orchestrate"), _name(path)


def test_production_code_never_imports_tests() -> None:
    for path in PRODUCT:
        assert not any(_is_within(module, "tests") for module in _imports(path))


def test_engines_are_named_in_their_rooms_only() -> None:
    for path in PRODUCT:
        if _name(path) not in ENGINE_ROOMS:
            text = path.read_text(encoding="utf-8").lower()
            found = re.findall(r"[\"'](duckdb|redshift|postgres)[\"']", text)
            assert not found, f"{_name(path)} names {found}"


def test_models_name_no_engine() -> None:
    for path in sorted((PROJECT / "models").rglob("*.sql")):
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8").lower())
        for engine in ("duckdb", "redshift", "postgres", "target.type"):
            assert engine not in text, f"{_name(path)} names {engine}"


def test_files_stay_readable() -> None:
    for path in [*PRODUCT, *sorted((PROJECT / "models").rglob("*.sql"))]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 300, f"{_name(path)} has {lines} lines"


def test_no_sql_in_luigi_tasks() -> None:
    for path in PRODUCT:
        if _name(path).startswith("orchestrate/"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    text = node.value
                    sql = re.search(r"\b(select|insert into|delete from)\b.+", text)
                    assert not (sql and " from " in text.lower()), _name(path)
