"""Materialized views: create, replace, refresh, change their configuration."""

from typing import Any

import pytest
from dbt.adapters.redshift.relation import RedshiftRelation
from dbt.tests.adapter.catalog.relation_types import CatalogRelationTypes
from dbt.tests.adapter.materialized_view.basic import MaterializedViewBasic
from dbt.tests.adapter.materialized_view.changes import (
    MaterializedViewChanges,
    MaterializedViewChangesApplyMixin,
    MaterializedViewChangesContinueMixin,
    MaterializedViewChangesFailMixin,
)
from dbt.tests.adapter.materialized_view.files import MY_TABLE, MY_VIEW
from dbt.tests.util import get_model_file, set_model_file

MY_MATERIALIZED_VIEW = """
{{ config(materialized='materialized_view', sort=['id'], dist='id') }}
select * from {{ ref('my_seed') }}
"""
MODELS = {
    "my_table.sql": MY_TABLE,
    "my_view.sql": MY_VIEW,
    "my_materialized_view.sql": MY_MATERIALIZED_VIEW,
}
RELATION_TYPE = """
select case when definition ilike '%create materialized view%'
    then 'materialized_view' else 'view' end
from pg_views where schemaname = '{0.schema}' and viewname = '{0.identifier}'
union all
select 'table' from pg_tables
where schemaname = '{0.schema}' and tablename = '{0.identifier}'
"""
LAYOUT = """
select autorefresh, diststyle, sortkey1
from svv_mv_info
join svv_table_info on "schema" = schema_name and "table" = name
where schema_name = '{0.schema}' and name = '{0.identifier}'
"""


def query_relation_type(project: Any, relation: RedshiftRelation) -> str | None:  # noqa: ANN401
    """Return what kind of relation the system views show, None if there is none."""
    row = project.run_sql(RELATION_TYPE.format(relation), fetch="one")
    return row[0] if row else None


class TestMaterializedViewBasic(MaterializedViewBasic):
    @pytest.fixture(scope="class", autouse=True)
    def models(self) -> dict[str, str]:
        return MODELS

    @staticmethod
    def insert_record(
        project: Any,  # noqa: ANN401 - the suite's
        table: RedshiftRelation,
        record: tuple[int, int],
    ) -> None:
        project.run_sql(f"insert into {table} (id, value) values {record}")

    @staticmethod
    def refresh_materialized_view(
        project: Any,  # noqa: ANN401
        materialized_view: RedshiftRelation,
    ) -> None:
        project.run_sql(f"refresh materialized view {materialized_view}")

    @staticmethod
    def query_row_count(project: Any, relation: RedshiftRelation) -> int:  # noqa: ANN401
        return project.run_sql(f"select count(*) from {relation}", fetch="one")[0]

    query_relation_type = staticmethod(query_relation_type)


class Changes(MaterializedViewChanges):
    """The changes that dbt-redshift applies by ALTER, and those by a new view."""

    @pytest.fixture(scope="class", autouse=True)
    def models(self) -> dict[str, str]:
        return MODELS

    query_relation_type = staticmethod(query_relation_type)

    @staticmethod
    def check_start_state(
        project: Any,  # noqa: ANN401
        materialized_view: RedshiftRelation,
    ) -> None:
        row = project.run_sql(LAYOUT.format(materialized_view), fetch="one")
        assert list(row) == ["f", "KEY(id)", "id"]

    @staticmethod
    def change_config_via_alter(
        project: Any,  # noqa: ANN401
        materialized_view: RedshiftRelation,
    ) -> None:
        model = get_model_file(project, materialized_view)
        model = model.replace("dist='id'", "dist='id', auto_refresh=true")
        set_model_file(project, materialized_view, model)

    @staticmethod
    def check_state_alter_change_is_applied(
        project: Any,  # noqa: ANN401
        materialized_view: RedshiftRelation,
    ) -> None:
        row = project.run_sql(LAYOUT.format(materialized_view), fetch="one")
        assert row[0] == "t"

    @staticmethod
    def change_config_via_replace(
        project: Any,  # noqa: ANN401
        materialized_view: RedshiftRelation,
    ) -> None:
        model = get_model_file(project, materialized_view)
        model = model.replace("dist='id'", "dist='even'").replace("['id']", "['value']")
        set_model_file(project, materialized_view, model)

    @staticmethod
    def check_state_replace_change_is_applied(
        project: Any,  # noqa: ANN401
        materialized_view: RedshiftRelation,
    ) -> None:
        row = project.run_sql(LAYOUT.format(materialized_view), fetch="one")
        assert list(row[1:]) == ["EVEN", "value"]


class TestChangesApply(Changes, MaterializedViewChangesApplyMixin):
    pass


class TestChangesContinue(Changes, MaterializedViewChangesContinueMixin):
    pass


class TestChangesFail(Changes, MaterializedViewChangesFailMixin):
    pass


class TestCatalogRelationTypes(CatalogRelationTypes):
    pass
