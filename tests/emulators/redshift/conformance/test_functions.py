"""Functions of SQL; Redshift takes no new ones of Python, and none of JavaScript."""

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

# Redshift's functions of SQL know their arguments by place.
BODY = "select $1 * 2"


class WithOurBody:
    @pytest.fixture(scope="class")
    def functions(self) -> dict[str, str]:
        return {"price_for_xlarge.sql": BODY, "price_for_xlarge.yml": files.MY_UDF_YML}


class TestUDFs(WithOurBody, UDFsBasic):
    def check_function_volatility(self, sql: str) -> None:
        assert "VOLATILE" in sql  # dbt-redshift says it when nobody else does


class TestDeterministicUDF(WithOurBody, DeterministicUDF):
    pass


class TestStableUDF(WithOurBody, StableUDF):
    pass


class TestNonDeterministicUDF(WithOurBody, NonDeterministicUDF):
    pass


class TestErrorForUnsupportedType(WithOurBody, ErrorForUnsupportedType):
    pass


class TestCanFindScalarFunctionRelation(WithOurBody, CanFindScalarFunctionRelation):
    pass


class TestSqlUDFDefaultArgSupport(SqlUDFDefaultArgSupport):
    @pytest.fixture(scope="class")
    def functions(self) -> dict[str, str]:
        given = files.MY_UDF_WITH_DEFAULT_ARG_YML
        return {"price_for_xlarge.sql": BODY, "price_for_xlarge.yml": given}


class TestPythonUDFNotSupported(PythonUDFNotSupported):
    pass
