"""Basic tests of each materialization, data tests, snapshots and the catalog."""

from typing import Any

import pytest
from dbt.tests.adapter.basic import expected_catalog as expected
from dbt.tests.adapter.basic.test_adapter_methods import BaseAdapterMethod
from dbt.tests.adapter.basic.test_base import BaseSimpleMaterializations
from dbt.tests.adapter.basic.test_docs_generate import (
    BaseDocsGenerate,
    BaseDocsGenReferences,
)
from dbt.tests.adapter.basic.test_empty import BaseEmpty
from dbt.tests.adapter.basic.test_ephemeral import BaseEphemeral
from dbt.tests.adapter.basic.test_generic_tests import BaseGenericTests
from dbt.tests.adapter.basic.test_incremental import (
    BaseIncremental,
    BaseIncrementalBadStrategy,
    BaseIncrementalNotSchemaChange,
)
from dbt.tests.adapter.basic.test_singular_tests import BaseSingularTests
from dbt.tests.adapter.basic.test_singular_tests_ephemeral import (
    BaseSingularTestsEphemeral,
)
from dbt.tests.adapter.basic.test_snapshot_check_cols import BaseSnapshotCheckCols
from dbt.tests.adapter.basic.test_snapshot_timestamp import BaseSnapshotTimestamp
from dbt.tests.adapter.basic.test_table_materialization import BaseTableMaterialization
from dbt.tests.adapter.basic.test_validate_connection import BaseValidateConnection
from dbt.tests.util import AnyFloat, AnyInteger, AnyString, AnyStringWith

# dbt makes a seed's column as long as its longest value; these tests write longer ones.
LONGER_NAMES = "seeds: [{name: added, config: {column_types: {name: varchar(64)}}}]"
STATISTICS = {
    "has_stats": True,
    "encoded": AnyStringWith("Y"),
    "diststyle": AnyStringWith("AUTO"),
    "max_varchar": AnyInteger(),
    "size": AnyInteger(),
    "sortkey1": AnyString(),
    "pct_used": AnyFloat(),
    "stats_off": AnyFloat(),
    "rows": AnyFloat(),
}


def table_statistics() -> dict[str, Any]:
    """Return the catalog statistics of a table without distribution and sort keys."""
    return {
        name: {
            "id": name,
            "label": AnyString(),
            "value": value,
            "description": AnyString(),
            "include": name != "has_stats",
        }
        for name, value in STATISTICS.items()
    }


class TestSimpleMaterializations(BaseSimpleMaterializations):
    pass


class TestTableMaterialization(BaseTableMaterialization):
    pass


class TestEmpty(BaseEmpty):
    pass


class TestEphemeral(BaseEphemeral):
    pass


class TestIncremental(BaseIncremental):
    pass


class TestIncrementalNotSchemaChange(BaseIncrementalNotSchemaChange):
    pass


class TestIncrementalBadStrategy(BaseIncrementalBadStrategy):
    pass


class TestSingularTests(BaseSingularTests):
    pass


class TestSingularTestsEphemeral(BaseSingularTestsEphemeral):
    pass


class TestGenericTests(BaseGenericTests):
    pass


class TestSnapshotCheckCols(BaseSnapshotCheckCols):
    @pytest.fixture(scope="class")
    def properties(self) -> dict[str, str]:
        return {"seeds.yml": LONGER_NAMES}


class TestSnapshotTimestamp(BaseSnapshotTimestamp):
    @pytest.fixture(scope="class")
    def properties(self) -> dict[str, str]:
        return {"seeds.yml": LONGER_NAMES}


class TestAdapterMethod(BaseAdapterMethod):
    pass


class TestValidateConnection(BaseValidateConnection):
    pass


class TestDocsGenerate(BaseDocsGenerate):
    @pytest.fixture(scope="class")
    def expected_catalog(self, project: Any, profile_user: str) -> dict[str, Any]:  # noqa: ANN401
        return expected.base_expected_catalog(
            project,
            role=profile_user,
            id_type="integer",
            text_type=AnyStringWith("character varying"),
            time_type="timestamp without time zone",
            view_type="VIEW",
            table_type="BASE TABLE",
            model_stats=expected.no_stats(),
            seed_stats=table_statistics(),
        )


class TestDocsGenReferences(BaseDocsGenReferences):
    @pytest.fixture(scope="class")
    def expected_catalog(self, project: Any, profile_user: str) -> dict[str, Any]:  # noqa: ANN401
        return expected.expected_references_catalog(
            project,
            role=profile_user,
            id_type="integer",
            text_type=AnyStringWith("character varying"),
            time_type="timestamp without time zone",
            bigint_type="bigint",
            view_type="VIEW",
            table_type="BASE TABLE",
            model_stats=table_statistics(),
            view_summary_stats=expected.no_stats(),
        )
