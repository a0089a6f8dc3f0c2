"""Constraints and contracts: enforcement, DDL, rollback."""

import pytest
from dbt.tests.adapter.constraints.test_constraints import (
    BaseConstraintQuotedColumn,
    BaseConstraintsRollback,
    BaseConstraintsRuntimeDdlEnforcement,
    BaseIncrementalConstraintsColumnsEqual,
    BaseIncrementalConstraintsRollback,
    BaseIncrementalConstraintsRuntimeDdlEnforcement,
    BaseIncrementalContractSqlHeader,
    BaseIncrementalForeignKeyConstraint,
    BaseModelConstraintsRuntimeEnforcement,
    BaseTableConstraintsColumnsEqual,
    BaseTableContractSqlHeader,
    BaseViewConstraintsColumnsEqual,
)

# Redshift has no check constraints, does not enforce keys, and enforces NOT NULL.
FOREIGN_KEY = "references <foreign_key_model_identifier> (id)"
INSERT_ROWS = """insert into <model_identifier> (
    select id, color, date_day from (
        -- depends_on: <foreign_key_model_identifier>
        select 'blue' as color, 1 as id, '2019-01-01' as date_day
    ) as model_subq
);"""
COLUMN_KEYS_SQL = f"""create table <model_identifier> (
    id integer not null primary key {FOREIGN_KEY} unique, color text, date_day text
) ;
{INSERT_ROWS}"""
TABLE_KEYS_SQL = f"""create table <model_identifier> (
    id integer not null, color text, date_day text,
    primary key (id),
    constraint strange_uniqueness_requirement unique (color, date_day),
    foreign key (id) {FOREIGN_KEY}
) ;
{INSERT_ROWS}"""
QUOTED_COLUMN_SQL = """create table <model_identifier> (
    id integer not null, "from" text not null, date_day text
) ;
insert into <model_identifier> (
    select id, "from", date_day from (
        select 'blue' as "from", 1 as id, '2019-01-01' as date_day
    ) as model_subq
);"""


class RedshiftDataTypes:
    @pytest.fixture
    def data_types(self) -> list[list[str]]:
        # value, type in the contract, dbt's name of the type
        return [
            ["1", "int", "INT"],
            ["'1'", "text", "TEXT"],
            ["'1'::varchar(5)", "varchar(5)", "TEXT"],
            ["true", "bool", "BOOL"],
            ["'1'::numeric", "numeric", "NUMERIC"],
            ["date '2026-11-24'", "date", "DATE"],
            ["'2026-11-24 00:00:00-07'::timestamptz", "timestamptz", "TIMESTAMPTZ"],
            ["'2026-11-24 00:00:00'::timestamp", "timestamp", "TIMESTAMP"],
            ["json_parse('[1]')", "super", "SUPER"],
        ]


class NotNullErrorMessage:
    @pytest.fixture(scope="class")
    def expected_error_messages(self) -> list[str]:
        return ["Cannot insert a NULL value into column id"]


class TestConstraintsRuntimeDdlEnforcement(BaseConstraintsRuntimeDdlEnforcement):
    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return COLUMN_KEYS_SQL


class TestConstraintsRollback(NotNullErrorMessage, BaseConstraintsRollback):
    pass


class TestTableConstraintsColumnsEqual(
    RedshiftDataTypes, BaseTableConstraintsColumnsEqual
):
    pass


class TestViewConstraintsColumnsEqual(
    RedshiftDataTypes, BaseViewConstraintsColumnsEqual
):
    pass


class TestIncrementalConstraintsColumnsEqual(
    RedshiftDataTypes, BaseIncrementalConstraintsColumnsEqual
):
    pass


class TestIncrementalConstraintsRuntimeDdlEnforcement(
    BaseIncrementalConstraintsRuntimeDdlEnforcement
):
    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return COLUMN_KEYS_SQL


class TestIncrementalConstraintsRollback(
    NotNullErrorMessage, BaseIncrementalConstraintsRollback
):
    pass


class TestTableContractSqlHeader(BaseTableContractSqlHeader):
    pass


class TestIncrementalContractSqlHeader(BaseIncrementalContractSqlHeader):
    pass


class TestModelConstraintsRuntimeEnforcement(BaseModelConstraintsRuntimeEnforcement):
    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return TABLE_KEYS_SQL


class TestConstraintQuotedColumn(BaseConstraintQuotedColumn):
    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return QUOTED_COLUMN_SQL


class TestIncrementalForeignKeyConstraint(BaseIncrementalForeignKeyConstraint):
    pass
