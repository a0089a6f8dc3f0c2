"""The page of questions: every query runs, and every answer is what the world gives."""

import duckdb
import pytest

from tests import questions
from tests.emulators.demo import WORLD
from tests.finished_company import Finished

GROWTH = {
    "paid_account_flow",
    "trial_trends",
    "free_account_usage",
    "interesting_trials",
    "big_customer_usage",
}


@pytest.fixture(scope="module")
def page() -> str:
    """Return the page as it is checked in."""
    return questions.PAGE.read_text(encoding="utf-8")


def test_every_query_of_the_page_is_a_question_with_an_answer(page: str) -> None:
    found = questions.questions(page)
    assert len(found) == page.count("```sql") == page.count("\n## ")
    assert all(question.answer for question in found)


def test_each_question_of_the_business_is_asked(page: str) -> None:
    asked = " ".join(question.query for question in questions.questions(page))
    assert {mart for mart in GROWTH if f"marts.{mart}" in asked} == GROWTH


def test_queries_run_on_a_finished_warehouse(
    page: str, finished_company: Finished
) -> None:
    file = str(finished_company.project.warehouse)
    with duckdb.connect(file, read_only=True) as connection:
        for question in questions.questions(page):
            names = [
                column[0] for column in connection.execute(question.query).description
            ]
            assert names == question.columns, question.title
            rows = connection.execute(question.query).fetchall()
            assert rows, f"{question.title} has no answer in a small company"


def test_answers_are_those_of_the_demo_world(page: str) -> None:
    with questions.warehouse_of(questions.marts_of(WORLD)) as connection:
        wanted = questions.answered(page, connection)
    assert page == wanted, "bring them up: python -m tests.questions"
