"""Column types: how dbt classifies Redshift's types."""

import pytest
from dbt.tests.adapter.column_types.test_column_types import BasePostgresColumnTypes

TYPES = {
    "integer": ("smallint", "int2", "int", "integer", "int4", "bigint", "int8"),
    "float": ("real", "float4", "float", "float8", "double precision"),
    "numeric": ("numeric", "decimal", "numeric(10, 2)"),
    "string": ("varchar(20)", "text"),
}


class TestColumnTypes(BasePostgresColumnTypes):
    @pytest.fixture(scope="class")
    def models(self) -> dict[str, object]:
        columns, column_map = [], {}
        for kind, names in TYPES.items():
            for number, name in enumerate(names):
                column = f"{kind}_{number}"
                columns.append(f"cast('1' as {name}) as {column}")
                is_number = "not number" if kind == "string" else "number"
                column_map[column] = [kind, is_number]
        test = {"is_type": {"arguments": {"column_map": column_map}}}
        return {
            "model.sql": "select " + ", ".join(columns),
            "schema.yml": {"models": [{"name": "model", "data_tests": [test]}]},
        }
