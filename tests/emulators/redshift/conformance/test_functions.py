"""SQL functions. Redshift rejects new Python functions and has no JavaScript ones."""

import pytest
from dbt.tests.adapter.functions import files
from dbt.tests.adapter.functions.test_udfs import (
    CanFindScalarFunctionRelation,
    DeterministicUDF,
    ErrorForUnsupportedType,
    NonDeterministicUDF,
    PythonUDFNotSupported,
    SqlUDFDefaultArgSupport,
    StableUDF,
    UDFsBasic,
)

# Redshift's SQL functions refer to their arguments by position.
BODY = "select $1 * 2"


class WithPositionalArguments:
    @pytest.fixture(scope="class")
    def functions(self) -> dict[str, str]:
        return {"price_for_xlarge.sql": BODY, "price_for_xlarge.yml": files.MY_UDF_YML}


class TestUDFs(WithPositionalArguments, UDFsBasic):
    def check_function_volatility(self, sql: str) -> None:
        assert "VOLATILE" in sql  # the default of dbt-redshift


class TestDeterministicUDF(WithPositionalArguments, DeterministicUDF):
    pass


class TestStableUDF(WithPositionalArguments, StableUDF):
    pass


class TestNonDeterministicUDF(WithPositionalArguments, NonDeterministicUDF):
    pass


class TestErrorForUnsupportedType(WithPositionalArguments, ErrorForUnsupportedType):
    pass


class TestCanFindScalarFunctionRelation(
    WithPositionalArguments, CanFindScalarFunctionRelation
):
    pass


class TestSqlUDFDefaultArgSupport(SqlUDFDefaultArgSupport):
    @pytest.fixture(scope="class")
    def functions(self) -> dict[str, str]:
        properties = files.MY_UDF_WITH_DEFAULT_ARG_YML
        return {"price_for_xlarge.sql": BODY, "price_for_xlarge.yml": properties}


class TestPythonUDFNotSupported(PythonUDFNotSupported):
    pass
