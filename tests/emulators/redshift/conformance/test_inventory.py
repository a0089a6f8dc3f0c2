"""Every class of dbt's suite is run here, or the README says why it cannot be."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dbt.tests.adapter

SUITE = Path(next(iter(dbt.tests.adapter.__path__)))
HERE = Path(__file__).parent
README = HERE.parent / "README.md"
HEADING = "## What of dbt's suite is left out"


def _modules_of_the_suite() -> Iterator[ModuleType]:
    for path in sorted(SUITE.rglob("*.py")):
        place = path.relative_to(SUITE).with_suffix("")
        if not place.name.startswith("__"):
            yield importlib.import_module(".".join(("dbt.tests.adapter", *place.parts)))


def _classes(module: ModuleType) -> Iterator[type]:
    """Yield the classes that are written in a module and have tests."""
    for found in vars(module).values():
        is_own = isinstance(found, type) and found.__module__ == module.__name__
        if is_own and any(name.startswith("test_") for name in dir(found)):
            yield found


def _adds_something(found: type) -> bool:
    """Whether it is more than another class by a name that pytest looks for."""
    return any(not name.startswith("__") for name in vars(found))


def _in_the_suite() -> set[str]:
    return {
        found.__name__
        for module in _modules_of_the_suite()
        for found in _classes(module)
        if _adds_something(found)
    }


def _run_here() -> set[str]:
    run: set[str] = set()
    for path in HERE.glob("test_*.py"):
        module = importlib.import_module(f"{__package__}.{path.stem}")
        for found in _classes(module):
            run |= {above.__name__ for above in found.__mro__}
    return run


def _left_out() -> set[str]:
    table = README.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")
    rows = [line for line in table[0].splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_class_is_run_or_left_out_with_a_reason() -> None:
    assert sorted(_in_the_suite() - _run_here() - _left_out()) == []


def test_what_is_left_out_is_in_the_suite_and_not_run() -> None:
    assert sorted(_left_out() - _in_the_suite()) == []
    assert sorted(_left_out() & _run_here()) == []
    assert _left_out()
