"""Every numbered behaviour of the sync has tests named after it, over the network."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BEHAVIOURS = {
    1: "preflight before any write",
    2: "key checks",
    3: "rendering by type",
    4: "only the difference is sent",
    5: "quota before writing",
    6: "collections for few rows, bulk jobs above",
    7: "chunks by encoded bytes",
    8: "jobs survive a crash",
    9: "polling, renewed tokens, patience",
    10: "answers are reconciled with rows",
    11: "failures are kept and retried row by row",
    12: "a threshold decides",
    13: "a dry run writes nothing",
    14: "rows that left the mart",
    15: "reading back",
    16: "done is what the ledger says",
    17: "secrets stay secret",
}


def _tests_by_number() -> dict[int, list[ast.FunctionDef]]:
    found: dict[int, list[ast.FunctionDef]] = defaultdict(list)
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                number = node.name.split("_")[1]
                if number.isdigit():
                    found[int(number)].append(node)
    return found


@pytest.mark.parametrize("number", BEHAVIOURS, ids=BEHAVIOURS.values())
def test_a_behaviour_has_tests_of_its_number_through_the_network(number: int) -> None:
    networked = [
        test.name
        for test in _tests_by_number()[number]
        if "connected" in {argument.arg for argument in test.args.args}
    ]
    assert networked, f"no test_{number}_... takes `connected`"


def test_no_test_has_a_number_that_means_nothing() -> None:
    assert set(_tests_by_number()) <= set(BEHAVIOURS)
