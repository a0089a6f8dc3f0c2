"""`nightshift explain-org` agrees with the raw files, the marts and Salesforce."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import requests

from reports.org import explain
from tests.nightly import salesforce_records
from tests.nightly.project import CommandResult, Project
from tests.reference import read_raw_data
from tests.reference.business import METRICS
from tests.shared_project import REJECTED_OBJECT, WORLD, SharedProject

VARIABLES = {
    "org_carry_forward_days": 7,
    "trial_period_days": 14,
    "extra_conversion_period_days": 30,
}
Trace = dict[str, Any]


def _explain(
    shared: SharedProject, org: int, *options: str, **environment: str
) -> CommandResult:
    command = ("explain-org", org, "--date", shared.data_date, *options)
    return shared.project.nightshift(*command, **environment)


@pytest.fixture(scope="module")
def org(shared_project: SharedProject) -> int:
    """Return the highest-ranked interesting trial that Salesforce has accepted."""
    rows = shared_project.project.rows(
        "select org_id from marts.interesting_trials "
        "where generated_date = ? and cast(org_id as varchar) in "
        "(select key from ops.salesforce_rows) order by trial_rank limit 1",
        shared_project.data_date,
    )
    return rows[0]["org_id"]


@pytest.fixture(scope="module")
def trace(shared_project: SharedProject, org: int) -> Trace:
    """Return that org's trace as printed by --json."""
    return _explain(shared_project, org, "--json").expect(0).json


def test_raw_partitions_match_the_raw_files(
    shared_project: SharedProject, org: int, trace: Trace
) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    objects: dict[tuple[str, str], int] = {}
    for (source, dt), partition in read_raw_data(shared_project.raw).partitions.items():
        objects[source, str(dt)] = len(partition.objects)
        if source != "web_logs":
            expected[source, str(dt)] += sum(
                row.org_id == org for item in partition.objects for row in item.records
            )
    expected += Counter()  # drop partitions without records of the org
    first, _ = trace["partitions"]
    actual = {(item["source"], item["dt"]): item for item in trace["raw_partitions"]}
    assert {
        key: item["records"] for key, item in actual.items() if key[0] != "web_logs"
    } == {key: records for key, records in expected.items() if key[1] >= first}
    for key, item in actual.items():
        assert item["objects"] == objects[key]
        assert 0 <= item["records_in_window"] <= item["records"]


def test_org_days_and_trial_metrics_match_the_marts(
    shared_project: SharedProject, org: int, trace: Trace
) -> None:
    project, data_date = shared_project.project, shared_project.data_date
    (snapshot,) = project.rows(
        "select * from marts.fct_org_trial_metrics "
        "where org_id = ? and generated_date = ?",
        *(org, data_date),
    )
    trial_metrics = trace["trial_metrics"]
    assert trial_metrics["hosts"] == snapshot["hosts"]
    assert trial_metrics["median_hosts"] == float(snapshot["median_hosts"])
    assert trial_metrics["trial_start_date"] == str(snapshot["trial_start_date"])
    days = project.rows(
        "select metric_date, hosts from marts.fct_org_day "
        "where org_id = ? and trial_start_date = ? order by metric_date",
        *(org, snapshot["trial_start_date"]),
    )
    assert [(day["metric_date"], day["hosts"]) for day in trace["org_days"]] == [
        (str(day["metric_date"]), day["hosts"]) for day in days
    ]
    assert trace["absence_reason"] == ""


def test_attainment_terms_match_the_targets(
    shared_project: SharedProject, trace: Trace
) -> None:
    rows = shared_project.project.rows(
        "select metric_name, median_value from marts.trial_target_metrics "
        "where generated_date = ? and cohort = 'converted'",
        shared_project.data_date,
    )
    targets = {row["metric_name"]: float(row["median_value"]) for row in rows}
    attainment = trace["target_attainment"]
    terms = attainment["terms"]
    assert [term["metric"] for term in terms] == list(METRICS)
    assert {term["metric"]: term["target"] for term in terms} == targets
    shares = [min(1, term["value"] / term["target"]) for term in terms]
    assert [term["share"] for term in terms] == pytest.approx(shares)
    assert attainment["mean"] == pytest.approx(sum(shares) / len(METRICS))
    assert attainment["in_mart"] == pytest.approx(attainment["mean"])


def test_reasons_contain_codes_words_and_rank(trace: Trace) -> None:
    assert trace["interesting_trial"]["reasons"]
    assert trace["interesting_trial"]["reasons_in_words"].endswith(".")
    assert trace["interesting_trial"]["trial_rank"] >= 1


def test_salesforce_values_match_the_record(
    shared_project: SharedProject, org: int, trace: Trace
) -> None:
    salesforce = trace["salesforce"]
    record = salesforce_records.read_records(shared_project.project)[str(org)]
    for name in ("hosts__c", "org_day__c", "target_attainment__c"):
        assert float(salesforce["current"][name]) == float(record[name])
        assert float(salesforce["exported"][name]) == float(record[name])
        assert float(salesforce["accepted"][name]) == float(record[name])
    reasons = salesforce["current"]["interesting_reasons__c"]
    assert reasons == trace["interesting_trial"]["reasons"]
    assert salesforce["differences"] == []
    accepted = [each for each in salesforce["history"] if each["code"] == "accepted"]
    assert accepted[-1]["salesforce_id"] == salesforce["current"]["Id"]
    assert accepted[-1]["data_date"] == str(shared_project.data_date)


def test_terminal_output_has_all_sections_in_order(
    shared_project: SharedProject, org: int, trace: Trace
) -> None:
    output = _explain(shared_project, org).expect(0).out
    headings = ["1. Raw records", "2. Org days", "3. Trial metrics"]
    headings += ["4. Target attainment", "5. Reasons", "6. Salesforce"]
    positions = [output.index(heading) for heading in headings]
    assert positions == sorted(positions)
    assert output.startswith(f"Org {org}, ")
    attainment = trace["target_attainment"]["mean"]
    assert f"Recomputed mean {attainment:.4f}; in marts.fct_org_trial_metrics" in output
    assert trace["salesforce"]["current"]["Id"] in output
    assert trace["interesting_trial"]["reasons_in_words"] in output


def test_rejected_record_that_names_the_org_is_shown(
    shared_project: SharedProject,
) -> None:
    org = shared_project.rejected_org
    (reject,) = _explain(shared_project, org, "--json").expect(0).json["rejects"]
    assert reject["object_key"].endswith(REJECTED_OBJECT)
    assert reject["line_number"] == 1 and "sampled_at" in reject["reason"]
    assert "at noon" in _explain(shared_project, org).expect(0).out


@pytest.mark.slow
def test_change_made_in_salesforce_is_reported_as_a_difference(
    shared_project: SharedProject, org: int, trace: Trace
) -> None:
    current = trace["salesforce"]["current"]
    with _changed_record(
        shared_project.project, current["Id"], hosts__c=current["hosts__c"] + 7
    ):
        result = _explain(shared_project, org, "--json").expect(0).json
        (difference,) = result["salesforce"]["differences"]
        assert difference.startswith("hosts__c is ")
        assert difference in _explain(shared_project, org).expect(0).out


@contextmanager
def _changed_record(
    project: Project, record_id: str, **fields: object
) -> Iterator[None]:
    """Change fields of a Salesforce record, and restore them at the end."""
    environment = project.environment
    base = environment["NIGHTSHIFT_SALESFORCE__INSTANCE_URL"]
    path = f"/services/data/v60.0/sobjects/{salesforce_records.OBJECT}/{record_id}"
    with requests.Session() as session:
        session.trust_env = False
        session.verify = environment["REQUESTS_CA_BUNDLE"]
        response = session.post(
            f"{base}/services/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": environment["NIGHTSHIFT_SALESFORCE__CLIENT_ID"],
                "client_secret": environment["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"],
            },
            timeout=30,
        )
        token = response.json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        before = session.get(base + path, timeout=30).json()
        session.patch(base + path, json=fields, timeout=30).raise_for_status()
        try:
            yield
        finally:
            original = {name: before[name] for name in fields}
            session.patch(base + path, json=original, timeout=30).raise_for_status()


def test_missing_salesforce_login_is_named_in_the_message(
    shared_project: SharedProject, org: int
) -> None:
    name = "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"
    trace = _explain(shared_project, org, "--json", **{name: ""}).expect(0).json
    assert trace["salesforce"]["current"] is None
    assert name in trace["salesforce"]["message"]
    assert trace["salesforce"]["accepted"] and trace["trial_metrics"]


def test_unreachable_salesforce_does_not_fail_the_command(
    shared_project: SharedProject, org: int
) -> None:
    unreachable = {
        f"NIGHTSHIFT_SALESFORCE__{name}": f"http://127.0.0.1:1{path}"
        for name, path in (
            ("INSTANCE_URL", ""),
            ("TOKEN_URL", "/services/oauth2/token"),
        )
    }
    trace = _explain(shared_project, org, "--json", **unreachable).expect(0).json
    assert trace["salesforce"]["current"] is None
    assert "could not be queried" in trace["salesforce"]["message"]


@pytest.mark.slow
def test_internal_org_has_no_trial_metrics(
    shared_project: SharedProject,
) -> None:
    (internal,) = shared_project.project.rows(
        "select min(org_id) as org_id from marts.org_activity "
        "where metric_date = ? and is_internal",
        shared_project.data_date,
    )
    org = internal["org_id"]
    trace = _explain(shared_project, org, "--json").expect(0).json
    assert trace["absence_reason"] == "it is an internal org"
    assert trace["trial_metrics"] is None and trace["activity"]["is_internal"]
    output = _explain(shared_project, org).expect(0).out
    assert "No trial metrics" in output and "it is an internal org" in output


def test_unknown_org_is_an_error(shared_project: SharedProject) -> None:
    error = _explain(shared_project, 987654).expect(3).err
    assert "987654" in error and "marts.org_activity" in error


def test_unbuilt_data_date_is_an_error_with_the_run_command(
    shared_project: SharedProject, org: int
) -> None:
    data_date = WORLD.first_date - timedelta(days=1)
    command = ("explain-org", org, "--date", data_date)
    error = shared_project.project.nightshift(*command).expect(3).err
    assert f"nightshift run --date {data_date}" in error and str(WORLD.until) in error


def test_missing_warehouse_is_an_error_with_the_run_command(project: Project) -> None:
    command = ("explain-org", "17", "--date", "2026-11-24")
    error = project.nightshift(*command).expect(3).err
    assert "nightshift run --date 2026-11-24" in error
    assert not project.warehouse.exists()


def _account(**changes: object) -> dict[str, Any]:
    return {
        "partition_date": date(2026, 11, 24),
        "is_internal": False,
        "trial_started_at": datetime(2026, 11, 20, 23, 59),
    } | changes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"partition_date": date(2026, 11, 16)},
            "last in the export of orgs of 2026-11-16",
        ),
        ({"is_internal": True}, "it is an internal org"),
        ({"trial_started_at": None}, "it has no trial"),
        ({"trial_started_at": datetime(2026, 11, 25)}, "starts on 2026-11-25"),
        ({"trial_started_at": datetime(2026, 10, 12)}, "on day 44 of its trial"),
        ({"trial_started_at": datetime(2026, 10, 13)}, "run the date again"),
        ({"partition_date": date(2026, 11, 17)}, "run the date again"),
    ],
)
def test_reason_for_missing_trial_metrics_is_given(
    changes: dict[str, object], reason: str
) -> None:
    absence = explain.why_absent(_account(**changes), date(2026, 11, 24), VARIABLES)
    assert reason in absence
