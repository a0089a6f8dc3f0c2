"""Clone: a relation is copied as a view, Redshift has no clones."""

from dbt.tests.adapter.dbt_clone.test_dbt_clone import BaseCloneSameTargetAndState
from dbt.tests.adapter.dbt_clone.test_dbt_clone import (
    TestPostgresCloneNotPossible as CloneNotPossible,
)


class TestCloneNotPossible(CloneNotPossible):
    pass


class TestCloneSameTargetAndState(BaseCloneSameTargetAndState):
    pass
