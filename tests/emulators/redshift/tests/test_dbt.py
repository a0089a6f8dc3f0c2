"""A small dbt project built, tested and documented with unmodified dbt-redshift."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.emulators.redshift.tests.conftest import Emulator, Session

SCHEMA = "small_project"
PROFILE = """
small:
  target: dev
  outputs:
    dev:
      type: redshift
      host: "{{ env_var('NIGHTSHIFT_REDSHIFT_HOST') }}"
      port: "{{ env_var('NIGHTSHIFT_REDSHIFT_PORT') | int }}"
      user: "{{ env_var('NIGHTSHIFT_REDSHIFT_USER') }}"
      password: "{{ env_var('NIGHTSHIFT_REDSHIFT_PASSWORD') }}"
      dbname: "{{ env_var('NIGHTSHIFT_REDSHIFT_DATABASE') }}"
      sslmode: "{{ env_var('NIGHTSHIFT_REDSHIFT_SSLMODE') }}"
      schema: small_project
      query_group: small
      threads: 4
"""
PROJECT = """
name: small
version: "1.0"
profile: small
models: {small: {+materialized: table, +bind: false}}
"""
FILES = {
    "dbt_project.yml": PROJECT,
    "profiles.yml": PROFILE,
    "seeds/plans.csv": """plan_id,plan_name,since
1,Trial,2026-01-01
2,Pro,2026-02-01
""",
    "models/stg_plans.sql": """
        {{ config(materialized='view') }}
        select plan_id, plan_name, since from {{ ref('plans') }}
    """,
    "models/fct_plans.sql": """
        {{ config(materialized='incremental', unique_key='plan_id',
            incremental_strategy='delete+insert', dist='plan_id',
            sort=['since', 'plan_id'], on_schema_change='append_new_columns') }}
        select plan_id, plan_name, since, median(plan_id) as middle
        from {{ ref('stg_plans') }} group by 1, 2, 3
    """,
    "models/merged.sql": """
        {{ config(materialized='incremental', unique_key='plan_id',
            incremental_strategy='merge', dist='all') }}
        select plan_id, plan_name from {{ ref('stg_plans') }}
    """,
    "models/unsupported.sql": """
        {{ config(enabled=var('unsupported', false)) }}
        select string_agg(plan_name, ',') as names from {{ ref('stg_plans') }}
    """,
    "models/looker.sql": """
        {{ config(materialized='view') }}
        select * from {{ ref('fct_plans') }}
    """,
    "snapshots/kept.sql": """
        {% snapshot kept %}
        {{ config(target_schema='small_project', unique_key='plan_id',
            strategy='check', check_cols=['plan_name']) }}
        select * from {{ ref('plans') }}
        {% endsnapshot %}
    """,
    "models/schema.yml": """
version: 2
models:
  - name: stg_plans
    columns:
      - name: plan_id
        data_tests: [unique, not_null]
  - name: fct_plans
    description: "One row per plan: it's the \\"fact\\"."
    config:
      contract: {enforced: true}
      persist_docs: {relation: true, columns: true}
      grants: {select: [small_reader]}
    columns:
      - name: plan_id
        data_type: integer
        description: "The key."
        constraints: [{type: not_null}, {type: primary_key, warn_unenforced: false}]
      - {name: plan_name, data_type: varchar(256)}
      - {name: since, data_type: date}
      - {name: middle, data_type: "numeric(38, 10)"}
unit_tests:
  - name: plan_is_selected
    model: stg_plans
    given:
      - input: ref('plans')
        rows: [{plan_id: 3, plan_name: Free, since: 2026-01-01}]
    expect:
      rows: [{plan_id: 3, plan_name: Free}]
""",
}


@pytest.fixture(scope="module")
def project(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the project's files, create its reader, return the project folder."""
    folder = tmp_path_factory.mktemp("small")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    Session(emulator.connect(), SCHEMA).run(
        "create user small_reader password 'Reader1Reader1'"
    )
    return folder


def start_dbt(
    emulator: Emulator, project: Path, *arguments: str
) -> subprocess.Popen[str]:
    """Start dbt in the project folder."""
    return subprocess.Popen(
        [Path(sys.executable).with_name("dbt"), *arguments, "--profiles-dir", "."],
        cwd=project,
        env={**os.environ, **emulator.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_project_is_built_twice_and_documented(
    emulator: Emulator, project: Path, session: Session
) -> None:
    for arguments in (["build"], ["build"], ["docs", "generate"]):
        process = start_dbt(emulator, project, *arguments)
        output, _ = process.communicate()
        assert process.returncode == 0, output
    catalog = json.loads((project / "target" / "catalog.json").read_text())
    entry = catalog["nodes"]["model.small.fct_plans"]
    assert entry["metadata"]["comment"] == 'One row per plan: it\'s the "fact".'
    assert entry["columns"]["plan_id"]["type"] == "integer"
    assert entry["stats"]["diststyle"]["value"] == "KEY(plan_id)"
    assert session.run(
        f"select plan_id, plan_name, middle from {SCHEMA}.looker order by 1"
    ) == [[1, "Trial", 1], [2, "Pro", 2]]
    assert session.value(f"select count(*) from {SCHEMA}.kept") == 2
    assert session.run(
        "select distinct query_label from sys_query_history where query_text like"
        f" '%%{SCHEMA}%%' and query_text like '%%create%%table%%'"
    ) == [["small"]]


@pytest.mark.slow
def test_view_is_readable_during_rebuild_and_unsupported_model_fails(
    emulator: Emulator, project: Path, session: Session
) -> None:
    arguments = ("run", "--full-refresh", "--vars", "unsupported: true")
    process = start_dbt(emulator, project, *arguments)
    counts = set()
    while process.poll() is None:
        counts.add(session.value(f"select count(*) from {SCHEMA}.looker"))
        time.sleep(0.01)
    output, _ = process.communicate()
    assert counts == {2}
    assert process.returncode == 1
    assert "function string_agg() is not supported" in output
    assert "PASS=4" in output, output
