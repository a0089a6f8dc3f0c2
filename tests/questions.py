"""Computes the answers in docs/questions.md.

`python -m tests.questions` computes the marts of the demo company from its raw records
with the reference implementation, runs each query of the page on them, and writes the
results below the queries. `--check` only reports whether the page is up to date.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import yaml

from tests.emulators.demo import WORLD
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.reference import Marts, expected_marts, read_raw_data

PROJECT = Path(__file__).resolve().parents[1]
SENT_DATE = "generated_date__c"
PAGE = PROJECT / "docs" / "questions.md"
QUESTION = re.compile(
    r"^## (?P<title>[^\n]+)\n(?P<text>.*?)```sql\n(?P<query>.*?)```\n+"
    r"(?P<answer>(?:\|[^\n]*\n)*)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Question:
    """A question of the page with its query and the answer in Markdown."""

    title: str
    query: str
    answer: str

    @property
    def columns(self) -> list[str]:
        """The column names in the header of the answer."""
        return [
            cell.strip() for cell in self.answer.partition("\n")[0].split("|")[1:-1]
        ]


def parse_questions(page: str) -> list[Question]:
    """Return the questions of a page in order."""
    return [
        Question(match["title"], match["query"], match["answer"])
        for match in QUESTION.finditer(page)
    ]


def run_query(connection: duckdb.DuckDBPyConnection, question: Question) -> str:
    """Run the query of a question and return the result as a Markdown table."""
    cursor = connection.execute(question.query)
    names = [column[0] for column in cursor.description]
    lines = [names, ["---"] * len(names)]
    lines += [[_format_value(value) for value in row] for row in cursor.fetchall()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def fill_answers(page: str, connection: duckdb.DuckDBPyConnection) -> str:
    """Return the page with all answers computed from the connection."""

    def replace_answer(match: re.Match[str]) -> str:
        question = Question(match["title"], match["query"], match["answer"])
        without_answer = match[0].removesuffix(match["answer"]).rstrip("\n")
        # The blank line after the table is missing where there was no answer yet.
        is_new = not match["answer"] and match.end() != len(page)
        return f"{without_answer}\n\n{run_query(connection, question)}" + (
            "\n" if is_new else ""
        )

    return QUESTION.sub(replace_answer, page)


def compute_marts(world: World) -> Marts:
    """Return the marts of a world after the runs of all its data dates."""
    with tempfile.TemporaryDirectory() as folder:
        write_to_folder(world, Path(folder))
        raw = read_raw_data(Path(folder))
    data_dates = [world.until - timedelta(days=number) for number in range(world.days)]
    return expected_marts(raw, data_date=world.until, data_dates=data_dates)


def create_warehouse(marts: Marts) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB with the marts, typed as in their contracts."""
    connection = duckdb.connect(":memory:")
    connection.execute("create schema marts")
    for mart, columns in _contracts().items():
        declarations = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create table marts.{mart} ({declarations})")
        rows = _rows(marts, mart)
        if rows:
            connection.register("rows", pyarrow.Table.from_pylist(_plain(rows)))
            connection.execute(
                f"insert into marts.{mart} select {', '.join(columns)} from rows"
            )
    return connection


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with the exact fractions of the reference as numbers."""
    return [
        {
            name: float(value) if isinstance(value, Fraction) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _rows(marts: Marts, mart: str) -> list[dict[str, Any]]:
    """Return a mart's rows, with the reasons added to the Salesforce export."""
    if mart != "sf_trial_metrics":
        return getattr(marts, mart)
    reasons = {
        (str(row["org_id"]), row["generated_date"]): row["reasons"]
        for row in marts.interesting_trials
    }
    return [
        row
        | {"interesting_reasons__c": reasons.get((row["org_id__c"], row[SENT_DATE]))}
        for row in marts.sf_trial_metrics
    ]


def _contracts() -> dict[str, dict[str, str]]:
    """Return the column types of every mart and export with a contract by name."""
    return {
        model["name"]: {
            column["name"]: column["data_type"] for column in model["columns"]
        }
        for model in _models()
        if all("data_type" in column for column in model["columns"])
    }


def _models() -> Iterator[dict[str, Any]]:
    for folder in ("marts", "exports"):
        for path in sorted((PROJECT / "models" / folder).rglob("*__models.yml")):
            yield from yaml.safe_load(path.read_text(encoding="utf-8"))["models"]


def _format_value(value: Any) -> str:  # noqa: ANN401 - values of any column type
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, date):
        return value.isoformat()
    # Escape Markdown and replace invisible characters, so that names appear literally.
    text = re.sub(r"([\\|<*`\[])", r"\\\1", " ".join(str(value).split()))
    return "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def main(arguments: Iterable[str]) -> int:
    """Write the computed answers into the page and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.questions")
    parser.add_argument("--check", action="store_true", help="do not write the page")
    options = parser.parse_args(list(arguments))
    page = PAGE.read_text(encoding="utf-8")
    updated = fill_answers(page, create_warehouse(compute_marts(WORLD)))
    if page == updated:
        print("docs/questions.md is up to date.")
        return 0
    if options.check:
        print("docs/questions.md is out of date. Run: python -m tests.questions")
        return 1
    PAGE.write_text(updated, encoding="utf-8")
    print("docs/questions.md was updated.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
