"""Constraints and contracts: what is checked, declared, and rolled back."""

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

# Redshift has no checks. It declares the keys, and enforces NOT NULL alone.
REFERRED = "references <foreign_key_model_identifier> (id)"
FILLED = """insert into <model_identifier> (
    select id, color, date_day from (
        -- depends_on: <foreign_key_model_identifier>
        select 'blue' as color, 1 as id, '2019-01-01' as date_day
    ) as model_subq
);"""
WITH_KEYS = f"""create table <model_identifier> (
    id integer not null primary key {REFERRED} unique, color text, date_day text
) ;
{FILLED}"""
WITH_KEYS_OF_THE_TABLE = f"""create table <model_identifier> (
    id integer not null, color text, date_day text,
    primary key (id),
    constraint strange_uniqueness_requirement unique (color, date_day),
    foreign key (id) {REFERRED}
) ;
{FILLED}"""
WITH_A_QUOTED_COLUMN = """create table <model_identifier> (
    id integer not null, "from" text not null, date_day text
) ;
insert into <model_identifier> (
    select id, "from", date_day from (
        select 'blue' as "from", 1 as id, '2019-01-01' as date_day
    ) as model_subq
);"""


class WithTypesOfRedshift:
    @pytest.fixture
    def data_types(self) -> list[list[str]]:
        # value, type in the contract, dbt's word for it
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


class RefusesNull:
    @pytest.fixture(scope="class")
    def expected_error_messages(self) -> list[str]:
        return ["Cannot insert a NULL value into column id"]


class TestConstraintsRuntimeDdlEnforcement(BaseConstraintsRuntimeDdlEnforcement):
    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return WITH_KEYS


class TestConstraintsRollback(RefusesNull, BaseConstraintsRollback):
    pass


class TestTableConstraintsColumnsEqual(
    WithTypesOfRedshift, BaseTableConstraintsColumnsEqual
):
    pass


class TestViewConstraintsColumnsEqual(
    WithTypesOfRedshift, BaseViewConstraintsColumnsEqual
):
    pass


class TestIncrementalConstraintsColumnsEqual(
    WithTypesOfRedshift, BaseIncrementalConstraintsColumnsEqual
):
    pass


class TestIncrementalConstraintsRuntimeDdlEnforcement(
    BaseIncrementalConstraintsRuntimeDdlEnforcement
):
    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return WITH_KEYS


class TestIncrementalConstraintsRollback(
    RefusesNull, BaseIncrementalConstraintsRollback
):
    pass


class TestTableContractSqlHeader(BaseTableContractSqlHeader):
    pass


class TestIncrementalContractSqlHeader(BaseIncrementalContractSqlHeader):
    pass


class TestModelConstraintsRuntimeEnforcement(BaseModelConstraintsRuntimeEnforcement):
    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return WITH_KEYS_OF_THE_TABLE


class TestConstraintQuotedColumn(BaseConstraintQuotedColumn):
    @pytest.fixture(scope="class")
    def expected_sql(self) -> str:
        return WITH_A_QUOTED_COLUMN


class TestIncrementalForeignKeyConstraint(BaseIncrementalForeignKeyConstraint):
    pass
