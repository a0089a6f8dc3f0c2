"""Random scenarios: after any faults and kills, Salesforce ends up equal to the mart.

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
        scenario.sync_or_kill()
    scenario.check(scenario.sync_without_faults())
