"""The numbered behaviours of the sync, each with tests against the emulator."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BEHAVIOURS = {
    1: "preflight before any write",
    2: "key checks",
    3: "rendering by type",
    4: "only changed rows are sent",
    5: "quota before writing",
    6: "collections for few rows, bulk jobs above",
    7: "chunk size in encoded bytes",
    8: "recovery after a crash",
    9: "polling, token renewal, retries",
    10: "results are matched with rows",
    11: "rejects are recorded and retried row by row",
    12: "reject threshold",
    13: "a dry run writes nothing",
    14: "rows missing from the mart",
    15: "verification",
    16: "ledgers decide what is done",
    17: "secrets are not disclosed",
}


def _tests_by_number() -> dict[int, list[ast.FunctionDef]]:
    tests: dict[int, list[ast.FunctionDef]] = defaultdict(list)
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                number = node.name.split("_")[1]
                if number.isdigit():
                    tests[int(number)].append(node)
    return tests


@pytest.mark.parametrize("number", BEHAVIOURS, ids=BEHAVIOURS.values())
def test_every_number_has_a_test_against_the_emulator(number: int) -> None:
    emulator_tests = [
        test.name
        for test in _tests_by_number()[number]
        if "salesforce" in {argument.arg for argument in test.args.args}
    ]
    assert emulator_tests, f"no test_{number}_... takes `salesforce`"


def test_every_test_number_has_a_meaning() -> None:
    assert set(_tests_by_number()) <= set(BEHAVIOURS)
