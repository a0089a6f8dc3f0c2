"""Clone: dbt creates views, because Redshift cannot clone tables."""

from dbt.tests.adapter.dbt_clone.test_dbt_clone import BaseCloneSameTargetAndState
from dbt.tests.adapter.dbt_clone.test_dbt_clone import (
    TestPostgresCloneNotPossible as CloneNotPossible,
)


class TestCloneNotPossible(CloneNotPossible):
    pass


class TestCloneSameTargetAndState(BaseCloneSameTargetAndState):
    pass
