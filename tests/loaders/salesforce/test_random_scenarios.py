"""Random scenarios: in the end, Salesforce is equal to the mart.

The steps are faults, kills, approvals, rollbacks, and changes by another user.

`MODEL_ROUNDS` is the number of scenarios and `MODEL_FIRST` the first seed. The seed of
a failed scenario repeats it.
"""

import os
import random

import pytest

from tests.loaders.salesforce.fixtures import Mart, SalesforceOrg
from tests.loaders.salesforce.random_scenario import RandomScenario

FIRST = int(os.environ.get("MODEL_FIRST", "0"))
ROUNDS = int(os.environ.get("MODEL_ROUNDS", "100"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
def test_object_equals_the_mart_after_random_faults(
    mart: Mart, salesforce: SalesforceOrg, seed: int
) -> None:
    scenario = RandomScenario(random.Random(seed), mart, salesforce)
    for _ in range(scenario.rng.randint(2, 5)):
        scenario.change_mart()
        scenario.inject_faults()
        scenario.rng.choice(
            (
                *(scenario.sync_or_kill, scenario.sync_or_kill, scenario.sync_or_kill),
                *(scenario.approve, scenario.roll_back),
            )
        )()
        if scenario.rng.random() < 0.4:
            scenario.change_records()
    scenario.check(scenario.sync_without_faults())
