"""The architecture: layers of packages and modules, client libraries, file sizes."""

import ast
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
# Packages by layer, lowest first. A package imports only from lower layers.
LAYERS = {"loaders": 1, "reports": 2, "looker": 2, "orchestrate": 3}
# Layers inside a package, top to bottom. Each imports only from those below.
MODULE_LAYERS = {
    "loaders": (
        "removal",
        "salesforce",
        "salesforce_api",
        "raw",
        "archive",
        "alerts",
        "heartbeat",
        "metrics",
        "lineage",
        "mail",
        "mime",
        "erasures",
        "ledger",
        "warehouse",
        "machine",
        "deadlines",
        "private_files",
        "config",
        "s3",
        "aws_secrets",
        "aws",
        "aws_errors",
        "aws_error_table",
        "interruption",
        "one_line",
        "errors",
    ),
    "reports": ("comparison", "history", "morning", "org", "console"),
    "orchestrate": (
        "cli",
        "runs",
        "date_ranges",
        "nightly",
        "tasks",
        "planning",
        "dbt",
        "shared_memory",
        "progress",
        "steps",
        "startup",
        "luigi_arguments",
        "task_metrics",
        "logs",
        "log_file",
        "run_id",
    ),
}
MAX_FILES, MAX_LINES = 20, 300
PRODUCT = [path for name in LAYERS for path in sorted((PROJECT / name).rglob("*.py"))]
# The modules that may import a client library.
IMPORTERS = {
    "boto3": {"loaders/aws.py"},
    "botocore": {"loaders/aws.py", "loaders/warehouse/redshift.py"},
    "duckdb": {"loaders/warehouse/duckdb.py"},
    "redshift_connector": {"loaders/warehouse/redshift.py"},
    "simple_salesforce": {"loaders/salesforce_api/client.py"},
    "smtplib": {"loaders/mail.py"},
    "apprise": {"loaders/alerts.py"},
    "datadog": {"loaders/metrics.py"},
    "prometheus_client": {"loaders/metrics.py"},
    "openlineage": {
        f"loaders/lineage/{name}.py" for name in ("client", "dataset_facets", "events")
    },
    "jinja2": {"reports/morning/rendering.py", "loaders/config/dbt_profile.py"},
    "rich": {"reports/console.py"},
    "matplotlib": {"reports/morning/charts.py"},
    "lkml": {"looker/generate/files.py"},
    "dbt.cli": {"orchestrate/dbt/runner.py"},
    "dbt.contracts": {"orchestrate/dbt/runner.py"},
    "dbt_common": {
        "orchestrate/dbt/runner.py",
        "loaders/warehouse/redshift.py",
        "loaders/warehouse/redshift_sessions.py",
    },
    "dbt.adapters": {
        "orchestrate/dbt/connections.py",
        "orchestrate/dbt/row_counts.py",
        "loaders/warehouse/redshift_sessions.py",
    },
}
# What writes to the terminal without removing control characters.
TERMINAL_NAMES = {"sys.stdout", "sys.stderr", "typer.echo", "typer.secho"}
# Modules that may choose between DuckDB and Redshift by name.
WAREHOUSE_MODULES = {
    "loaders/warehouse/connection.py",
    "loaders/warehouse/sessions.py",
    "loaders/warehouse/target.py",
    "loaders/warehouse/local_tables.py",
    "loaders/raw/load.py",
    "loaders/archive.py",
}


@cache
def _modules(path: Path) -> list[str]:
    """Return every imported module, with the imported name appended if there is one."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += (f"{node.module}.{name.name}" for name in node.names)
    return modules


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("library", sorted(IMPORTERS))
def test_client_library_is_imported_by_its_importers_only(library: str) -> None:
    importers = {
        _name(path)
        for path in PRODUCT
        if any(_is_within(module, library) for module in _modules(path))
    }
    assert importers == IMPORTERS[library]


def test_packages_import_from_lower_layers_only() -> None:
    upward = [
        f"{_name(path)} imports {module}"
        for path in PRODUCT
        for module in _modules(path)
        if (package := module.partition(".")[0]) in LAYERS
        and package != _package(path)
        and LAYERS[package] >= LAYERS[_package(path)]
    ]
    assert not upward


@pytest.mark.parametrize("package", sorted(MODULE_LAYERS))
def test_modules_import_from_lower_layers_only(package: str) -> None:
    layers = MODULE_LAYERS[package]
    upward = [
        f"{_name(path)} imports {module}"
        for path in sorted((PROJECT / package).rglob("*.py"))
        if path.name != "__init__.py"
        for module in _modules(path)
        if _is_within(module, package)
        and layers.index(_layer(module.split(".")[1:]))
        < layers.index(_layer([*path.relative_to(PROJECT / package).parts]))
    ]
    assert not upward


def test_each_module_has_a_layer() -> None:
    for package, layers in MODULE_LAYERS.items():
        found = {
            _layer([*path.relative_to(PROJECT / package).parts])
            for path in (PROJECT / package).rglob("*.py")
        }
        assert found - {"__init__"} == set(layers)


def test_modules_have_no_import_cycle() -> None:
    names = {_dotted(path): path for path in PRODUCT}
    imports = {
        name: {
            found
            for module in _modules(path)
            if (found := _defining_module(module, names)) and found != name
        }
        for name, path in names.items()
        if path.name != "__init__.py"
    }
    remaining = dict(imports)
    while leaves := [
        name for name, below in remaining.items() if not below & remaining.keys()
    ]:
        for name in leaves:
            del remaining[name]
    assert not remaining, f"modules in or above an import cycle: {sorted(remaining)}"


def test_only_the_console_module_writes_to_the_terminal() -> None:
    for path in PRODUCT:
        if _name(path) == "reports/console.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name):
                assert node.id != "print", f"{_name(path)}:{node.lineno} uses print"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = f"{node.value.id}.{node.attr}"
                assert name not in TERMINAL_NAMES, f"{_name(path)}:{node.lineno} {name}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "[/]" not in node.value, (
                    f"{_name(path)}:{node.lineno} has markup"
                )


def test_luigi_is_imported_by_orchestrate_only() -> None:
    for path in PRODUCT:
        if _package(path) != "orchestrate":
            assert not any(_is_within(name, "luigi") for name in _modules(path)), path


def test_production_code_never_imports_tests() -> None:
    for path in PRODUCT:
        assert not any(_is_within(name, "tests") for name in _modules(path)), path


def test_neither_warehouse_imports_the_other() -> None:
    for path in PRODUCT:
        for own, other in (("duckdb", "redshift"), ("redshift", "duckdb")):
            if path.name.startswith(own):
                imported = [
                    name for name in _modules(path) if f".{other}" in f".{name}"
                ]
                assert not imported, f"{_name(path)} imports {imported}"


def test_warehouses_are_named_in_their_modules_only() -> None:
    for path in PRODUCT:
        if _name(path) not in WAREHOUSE_MODULES:
            text = path.read_text(encoding="utf-8").lower()
            found = re.findall(r"[\"'](duckdb|redshift|postgres)[\"']", text)
            assert not found, f"{_name(path)} names {found}"


def test_models_name_no_warehouse() -> None:
    for path in sorted((PROJECT / "models").rglob("*.sql")):
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8").lower())
        for name in ("duckdb", "redshift", "postgres", "target.type"):
            assert name not in text, f"{_name(path)} names {name}"


def test_files_have_at_most_300_lines() -> None:
    sources = [
        *PRODUCT,
        *(PROJECT / "tests").rglob("*.py"),
        *(PROJECT / "tests").rglob("*.sql"),
        *(PROJECT / "models").rglob("*.sql"),
        *(PROJECT / "macros").rglob("*.sql"),
    ]
    for path in sources:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= MAX_LINES, f"{_name(path)} has {lines} lines"


def test_packages_have_at_most_20_files() -> None:
    emulators = (PROJECT / "tests" / "emulators").rglob("*.py")
    modules = [path for path in emulators if not path.name.startswith("test_")]
    counts = Counter(_name(path.parent) for path in [*PRODUCT, *modules])
    large = {name for name, count in counts.items() if count > MAX_FILES}
    assert not large


def test_no_module_shadows_the_standard_library() -> None:
    for path in PRODUCT:
        assert path.stem not in sys.stdlib_module_names, _name(path)


def test_luigi_tasks_hold_no_sql() -> None:
    for path in sorted((PROJECT / "orchestrate").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                sql = re.search(r"\b(select|insert into|delete from)\b.+", text)
                assert not (sql and " from " in text.lower()), _name(path)


def _package(path: Path) -> str:
    return path.relative_to(PROJECT).parts[0]


def _layer(parts: list[str]) -> str:
    return parts[0].removesuffix(".py")


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts)


def _defining_module(module: str, names: dict[str, Path]) -> str:
    """Return the project's module of an imported name, '' for another project's."""
    while module and module not in names:
        module = module.rpartition(".")[0]
    return module
