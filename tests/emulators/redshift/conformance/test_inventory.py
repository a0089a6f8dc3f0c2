"""Each class of dbt's suite runs here, or the README gives the reason why not."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dbt.tests.adapter

SUITE = Path(next(iter(dbt.tests.adapter.__path__)))
HERE = Path(__file__).parent
README = HERE.parent / "README.md"
HEADING = "## Excluded tests of dbt's suite"


def _suite_modules() -> Iterator[ModuleType]:
    for path in sorted(SUITE.rglob("*.py")):
        module_path = path.relative_to(SUITE).with_suffix("")
        if not module_path.name.startswith("__"):
            name = ".".join(("dbt.tests.adapter", *module_path.parts))
            yield importlib.import_module(name)


def _test_classes(module: ModuleType) -> Iterator[type]:
    """Yield the classes that are defined in a module and have tests."""
    for value in vars(module).values():
        is_own = isinstance(value, type) and value.__module__ == module.__name__
        if is_own and any(name.startswith("test_") for name in dir(value)):
            yield value


def _has_own_members(test_class: type) -> bool:
    """Whether the class is more than an alias of its base class for pytest."""
    return any(not name.startswith("__") for name in vars(test_class))


def _suite_class_names() -> set[str]:
    return {
        test_class.__name__
        for module in _suite_modules()
        for test_class in _test_classes(module)
        if _has_own_members(test_class)
    }


def _run_class_names() -> set[str]:
    names: set[str] = set()
    for path in HERE.glob("test_*.py"):
        module = importlib.import_module(f"{__package__}.{path.stem}")
        for test_class in _test_classes(module):
            names |= {base.__name__ for base in test_class.__mro__}
    return names


def _excluded_class_names() -> set[str]:
    table = README.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")
    rows = [line for line in table[0].splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_each_class_is_run_or_excluded_with_a_reason() -> None:
    unknown = _suite_class_names() - _run_class_names() - _excluded_class_names()
    assert sorted(unknown) == []


def test_excluded_classes_exist_and_are_not_run() -> None:
    excluded = _excluded_class_names()
    assert sorted(excluded - _suite_class_names()) == []
    assert sorted(excluded & _run_class_names()) == []
    assert excluded
