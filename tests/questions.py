"""The page of questions: read its queries, answer them, write the answers in.

`python -m tests.questions` computes the marts of the demo's world from its raw lines,
by the oracle and not by the models, asks each query of docs/questions.md, and writes
the answers below the queries. `--check` says what would change instead.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import yaml

from tests.emulators.demo import WORLD
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.reference import Marts, expected, read_world

PROJECT = Path(__file__).resolve().parents[1]
SENT_DATE = "generated_date__c"
PAGE = PROJECT / "docs" / "questions.md"
QUESTION = re.compile(
    r"^## (?P<title>[^\n]+)\n(?P<words>.*?)```sql\n(?P<query>.*?)```\n+"
    r"(?P<answer>(?:\|[^\n]*\n)*)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Question:
    """A question of the page, its query, and the answer as it stands there."""

    title: str
    query: str
    answer: str

    @property
    def columns(self) -> list[str]:
        """The names in the answer's first row."""
        return [
            cell.strip() for cell in self.answer.partition("\n")[0].split("|")[1:-1]
        ]


def questions(page: str) -> list[Question]:
    """Return the questions of a page in their order."""
    return [
        Question(found["title"], found["query"], found["answer"])
        for found in QUESTION.finditer(page)
    ]


def answer(connection: duckdb.DuckDBPyConnection, question: Question) -> str:
    """Return the answer to a question as a table of the page."""
    cursor = connection.execute(question.query)
    names = [column[0] for column in cursor.description]
    lines = [names, ["---"] * len(names)]
    lines += [[_told(value) for value in row] for row in cursor.fetchall()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def answered(page: str, connection: duckdb.DuckDBPyConnection) -> str:
    """Return the page with every answer as the connection gives it."""

    def fill(found: re.Match[str]) -> str:
        question = Question(found["title"], found["query"], found["answer"])
        asked = found[0].removesuffix(found["answer"]).rstrip("\n")
        # A blank line ends the table; the next question, if any, brings its own.
        return f"{asked}\n\n{answer(connection, question)}" + (
            "" if found["answer"] or found.end() == len(page) else "\n"
        )

    return QUESTION.sub(fill, page)


def marts_of(world: World) -> Marts:
    """Return what the marts of a world hold when each of its nights has run."""
    with tempfile.TemporaryDirectory() as folder:
        write_to_folder(world, Path(folder))
        raw = read_world(Path(folder))
    nights = [world.until - timedelta(days=number) for number in range(world.days)]
    return expected(raw, data_date=world.until, nights=nights)


def warehouse_of(marts: Marts) -> duckdb.DuckDBPyConnection:
    """Return a warehouse in memory that holds these marts, typed as their contracts."""
    connection = duckdb.connect(":memory:")
    connection.execute("create schema marts")
    for mart, columns in _contracts().items():
        declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create table marts.{mart} ({declared})")
        rows = _rows(marts, mart)
        if rows:
            connection.register("rows", pyarrow.Table.from_pylist(rows))
            connection.execute(
                f"insert into marts.{mart} select {', '.join(columns)} from rows"
            )
    return connection


def _rows(marts: Marts, mart: str) -> list[dict[str, Any]]:
    """Return a mart's rows; the oracle keeps an org's reasons in one place only."""
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
    """Return the type of every column of every model by name."""
    return {
        model["name"]: {each["name"]: each["data_type"] for each in model["columns"]}
        for model in _models()
    }


def _models() -> Iterator[dict[str, Any]]:
    for folder in ("marts", "exports"):
        for path in sorted((PROJECT / "models" / folder).rglob("*__models.yml")):
            yield from yaml.safe_load(path.read_text(encoding="utf-8"))["models"]


def _told(value: Any) -> str:  # noqa: ANN401 - any column's
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, date):
        return value.isoformat()
    # What a page would obey, or nobody would see, is shown and not done.
    text = re.sub(r"([\\|<*`\[])", r"\\\1", " ".join(str(value).split()))
    return "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def main(arguments: Iterable[str]) -> int:
    """Write the answers of the demo's world into the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.questions")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(list(arguments))
    page = PAGE.read_text(encoding="utf-8")
    wanted = answered(page, warehouse_of(marts_of(WORLD)))
    if page == wanted:
        print("docs/questions.md tells what the demo's world gives.")
        return 0
    if options.check:
        print("docs/questions.md differs. Bring it up: python -m tests.questions")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    print("docs/questions.md is brought up to the demo's world.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
