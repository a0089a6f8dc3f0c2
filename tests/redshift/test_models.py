"""dbt on a cluster: what passes by itself is built again, views outlive rebuilds."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlfluff
import yaml

from tests.emulators.redshift.admin import ask
from tests.redshift.conftest import SCHEMA, WORLD, Cluster, Nights, OnCluster

MODELS = Path(__file__).resolve().parents[2] / "models"
REBUILDS = 2
READERS = 3

# The first test waits for both nights.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


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
    model = "trial_target_curve"
    query = f"select * from {{}}marts.{model} order by 1, 2, 3, generated_date"
    before = on_cluster.rows(query)
    fault(table=f"{SCHEMA}_marts.{model}", **described)
    ended = nights.cluster.nightshift("rerun", "--date", WORLD.until, "--model", model)
    assert ended.code in (0, 2), ended.out + ended.err
    (set_fault,) = ask(cluster.admin, {"do": "faults"})["faults"]
    assert set_fault["seen"] > 1, "it was not built again"
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
    try:
        for _ in range(REBUILDS):
            nights.cluster.dbt(
                "run", "--full-refresh", "--select", "sf_trial_metrics"
            ).require(0)
    finally:
        is_over.set()
        for reader in readers:
            reader.join()
    assert not failures
    assert len(answers) > REBUILDS
    assert all(answer == whole for answer in answers)
    assert whole[0]["orgs"]


def test_every_model_of_prod_is_in_redshifts_grammar_and_taken_by_the_cluster(
    nights: Nights, on_cluster: OnCluster
) -> None:
    project = nights.cluster
    dates = f'{{"data_date": "{WORLD.until}", "data_date_from": "{WORLD.until}"}}'
    kinds = ("--resource-type", "seed", "--resource-type", "model")
    project.dbt("build", *kinds, "--target", "prod", "--vars", dates).require(0)
    ran = _models(project.folder / "target" / "run")
    assert len(ran) > 30
    for path in ran:
        tree = sqlfluff.parse(path.read_text(encoding="utf-8"), dialect="redshift")
        assert "unparsable" not in str(tree), path.name
    in_prod = on_cluster.rows(
        "select table_schema from information_schema.tables "
        "where table_schema in ('staging', 'intermediate', 'marts') "
        "and table_name not like 'raw_%'"
    )
    assert len(in_prod) >= len(ran)


def test_facts_are_spread_by_org_and_sorted_by_day_and_small_tables_are_everywhere(
    on_cluster: OnCluster, nights: Nights
) -> None:
    layouts = {
        row["table"]: (row["diststyle"], row["sortkey1"])
        for row in on_cluster.rows(
            'select "table", diststyle, sortkey1 from svv_table_info '
            f"where \"schema\" like '{SCHEMA}_%'"
        )
    }
    assert layouts["fct_org_day"] == ("KEY(org_id)", "metric_date")
    assert layouts["fct_org_trial_metrics"] == ("KEY(org_id)", "generated_date")
    assert layouts["trial_target_metrics"] == ("ALL", "generated_date")
    assert layouts["billing_plans"][0] == "ALL"
    assert layouts["raw_web_logs"] == ("EVEN", "dt")


def test_every_view_is_bound_to_nothing(nights: Nights, on_cluster: OnCluster) -> None:
    views = nights.local.rows(
        "select table_schema, table_name from information_schema.tables "
        "where table_type = 'VIEW' "
        "and table_schema in ('staging', 'intermediate', 'marts')"
    )
    unbound = on_cluster.rows(
        "select distinct view_schema, view_name from pg_get_late_binding_view_cols() "
        "cols(view_schema name, view_name name, col_name name, col_type varchar,"
        " col_num int)"
    )
    found = {(row["view_schema"], row["view_name"]) for row in unbound}
    assert views
    for view in views:
        assert (f"{SCHEMA}_{view['table_schema']}", view["table_name"]) in found


def _models(folder: Path) -> list[Path]:
    """Return the SQL of the models as dbt ran it."""
    return sorted(
        path
        for path in folder.rglob("models/**/*.sql")
        if not path.parent.name.endswith(".yml")
    )


def test_the_unit_tests_of_all_models_pass_on_a_cluster(nights: Nights) -> None:
    files = [yaml.safe_load(path.read_text()) for path in MODELS.rglob("*.yml")]
    written = sum(len(file.get("unit_tests", [])) for file in files)
    ended = nights.cluster.dbt("test", "--select", "test_type:unit").require(0)
    assert len(re.findall(r" of \d+ PASS ", ended.out)) == written
    assert written
