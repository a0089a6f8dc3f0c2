"""docs/questions.md: its queries run, and its answers match the demo company."""

import duckdb
import pytest

from loaders.warehouse import Connection
from reports.morning.trials import read_trial_days
from tests import questions
from tests.emulators.demo import WORLD
from tests.shared_project import SharedProject

GROWTH_MARTS = {
    "paid_account_flow",
    "trial_trends",
    "free_account_usage",
    "interesting_trials",
    "big_customer_usage",
}

TRIALS_IN_PROGRESS = "How many trials are in progress, and how many are active?"
ACCOUNT_STATES = "How many accounts are in each state?"


@pytest.fixture(scope="module")
def page() -> str:
    """Return the content of docs/questions.md."""
    return questions.PAGE.read_text(encoding="utf-8")


def test_every_query_belongs_to_a_question_with_an_answer(page: str) -> None:
    parsed = questions.parse_questions(page)
    assert len(parsed) == page.count("```sql") == page.count("\n## ")
    assert all(question.answer for question in parsed)


def test_queries_use_every_growth_mart(page: str) -> None:
    queries = " ".join(question.query for question in questions.parse_questions(page))
    assert {mart for mart in GROWTH_MARTS if f"marts.{mart}" in queries} == GROWTH_MARTS


def test_queries_run_on_a_dbt_built_warehouse(
    page: str, shared_project: SharedProject
) -> None:
    file = str(shared_project.project.warehouse)
    with duckdb.connect(file, read_only=True) as connection:
        for question in questions.parse_questions(page):
            result = connection.execute(question.query)
            names = [column[0] for column in result.description]
            assert names == question.columns, question.title
            assert result.fetchall(), f"{question.title!r} returned no rows"


def test_number_of_trials_is_the_same_everywhere(
    page: str, shared_project: SharedProject
) -> None:
    by_title = {item.title: item for item in questions.parse_questions(page)}
    titles = (TRIALS_IN_PROGRESS, ACCOUNT_STATES)
    in_progress, states = (by_title[title] for title in titles)
    # In the answers of the page,
    trials = in_progress.answer.splitlines()[2].split("|")[2].strip()
    assert f"| trial | {trials} |" in states.answer.splitlines()
    # and on a warehouse on which each day has its own snapshot.
    file = str(shared_project.project.warehouse)
    with duckdb.connect(file, read_only=True) as connection:
        counted = dict(
            row[:2] for row in connection.execute(in_progress.query).fetchall()
        )
        latest = dict(connection.execute(states.query).fetchall())
        reported = {
            row["day"]: row["in_progress"]
            for row in read_trial_days(
                Connection(connection, "duckdb", "", {}), max(counted)
            )
        }
    assert latest["trial"] == counted[max(counted)] > 0
    assert {day: reported[day] for day in counted if day in reported} == reported
    assert len(reported) > 1


@pytest.mark.slow
def test_answers_match_the_demo_company(page: str) -> None:
    marts = questions.compute_marts(WORLD)
    with questions.create_warehouse(marts) as connection:
        updated = questions.fill_answers(page, connection)
    assert page == updated, "run: python -m tests.questions"
