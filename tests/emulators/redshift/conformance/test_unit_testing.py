"""dbt unit tests: fixtures of each type."""

import pytest
from dbt.tests.adapter.unit_testing.test_case_insensitivity import (
    BaseUnitTestCaseInsensivity,
)
from dbt.tests.adapter.unit_testing.test_invalid_input import BaseUnitTestInvalidInput
from dbt.tests.adapter.unit_testing.test_quoted_reserved_word_column_names import (
    BaseUnitTestQuotedReservedWordColumnNames,
)
from dbt.tests.adapter.unit_testing.test_types import (
    BaseUnitTestingTypes,
    BaseUnitTestingVarcharFixtureNoTruncation,
)

RECORD = '{"name": "Org", "hosts": 7.5, "is_paid": false}'


class TestUnitTestCaseInsensivity(BaseUnitTestCaseInsensivity):
    pass


class TestUnitTestInvalidInput(BaseUnitTestInvalidInput):
    pass


class TestUnitTestQuotedReservedWordColumnNames(
    BaseUnitTestQuotedReservedWordColumnNames
):
    pass


class TestUnitTestingTypes(BaseUnitTestingTypes):
    @pytest.fixture
    def data_types(self) -> list[list[str]]:
        return [
            ["1", "1"],
            ["1.5", "1.5"],
            ["'1'", "1"],
            ["'1'::numeric", "1"],
            ["'a string'", "a string"],
            ["true", "true"],
            ["date '2026-11-24'", "2026-11-24"],
            ["timestamp '2026-11-24 01:02:03'", "2026-11-24 01:02:03"],
            ["timestamptz '2026-11-24 01:02:03-0'", "2026-11-24 01:02:03-0"],
            [f"json_parse('{RECORD}')", f"""'{RECORD}'"""],
        ]


class TestUnitTestingVarcharFixtureNoTruncation(
    BaseUnitTestingVarcharFixtureNoTruncation
):
    pass
