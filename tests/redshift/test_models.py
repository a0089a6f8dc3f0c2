"""dbt on a cluster: what passes by itself is built again, views outlive rebuilds."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlfluff

from tests.redshift.conftest import SCHEMA, WORLD, Cluster, Nights, OnCluster
from tests.stack.redshift.admin import ask

REBUILDS = 2
READERS = 3


@pytest.fixture
def fault(cluster: Cluster) -> Iterator[Callable[..., None]]:
    """Give a function that sets a fault; all are forgotten afterwards."""

    def set_fault(**described: object) -> None:
        ask(cluster.admin, {"do": "fault", "fault": described})

    yield set_fault
    ask(cluster.admin, {"do": "clear"})


@pytest.mark.parametrize(
    "described",
    [
        {"fault": "serialization"},
        {"fault": "drop", "when": "before_commit"},
    ],
)
def test_a_model_that_met_another_transaction_is_built_again(
    nights: Nights,
    on_cluster: OnCluster,
    fault: Callable[..., None],
    cluster: Cluster,
    described: dict[str, str],
) -> None:
    query = "select * from {}marts.fct_web_sessions order by session_id"
    before = on_cluster.rows(query)
    fault(table=f"{SCHEMA}_marts.fct_web_sessions", **described)
    nights.cluster.nightshift(
        "rerun", "--date", WORLD.until, "--model", "fct_web_sessions"
    ).require(0)
    (set_fault,) = ask(cluster.admin, {"do": "faults"})["faults"]
    assert set_fault["seen"] > 1, "the fault never came"
    assert on_cluster.rows(query) == before
    assert before


def test_a_view_keeps_answering_while_its_table_is_rebuilt(
    nights: Nights, on_cluster: OnCluster
) -> None:
    table = f"{SCHEMA}_marts.sf_trial_metrics"
    on_cluster.execute(
        "create or replace view {}marts.looker_trials as "
        f"select org_id__c from {table} with no schema binding"
    )
    query = "select count(*) as orgs from {}marts.looker_trials"
    whole = on_cluster.rows(query)
    answers, failures, is_over = [], [], threading.Event()

    def read() -> None:
        reader = OnCluster(dict(nights.cluster.environment))
        while not is_over.is_set():
            try:
                answers.append(reader.rows(query))
            except Exception as error:
                failures.append(error)
        reader.close()

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for _ in range(REBUILDS):
        nights.cluster.dbt(
            "run", "--full-refresh", "--select", "sf_trial_metrics"
        ).require(0)
    is_over.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert len(answers) > REBUILDS
    assert all(answer == whole for answer in answers)
    assert whole[0]["orgs"]


def test_every_compiled_model_of_prod_is_redshifts_grammar_and_runs_on_the_cluster(
    nights: Nights, on_cluster: OnCluster
) -> None:
    project = nights.cluster
    dates = f'{{"data_date": "{WORLD.until}", "data_date_from": "{WORLD.until}"}}'
    project.dbt("build", "--target", "prod", "--vars", dates).require(0)
    compiled = _compiled(project.folder / "target" / "run")
    assert len(compiled) > 30
    for path in compiled:
        tree = sqlfluff.parse(path.read_text(encoding="utf-8"), dialect="redshift")
        assert "unparsable" not in str(tree), path.name
    for kind, layout in (("marts", "marts"), ("intermediate", "intermediate")):
        views = on_cluster.rows(
            "select table_name from information_schema.views "
            f"where table_schema = '{layout}'"
        )
        assert views or kind == "marts"


def _compiled(folder: Path) -> list[Path]:
    """Return the SQL of the models as dbt ran it."""
    return sorted(
        path
        for path in folder.rglob("models/**/*.sql")
        if not path.parent.name.endswith(".yml")
    )
