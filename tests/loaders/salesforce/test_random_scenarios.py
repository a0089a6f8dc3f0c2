"""Nights drawn by chance: whatever went wrong, in the end Salesforce has the mart.

`MODEL_ROUNDS` says how many rounds, `MODEL_FIRST` the first seed; a round that fails is
repeated by its seed.
"""

import os
import random

import pytest

from tests.loaders.salesforce.random_scenario import Model
from tests.loaders.salesforce.world import Connected, Mart

FIRST = int(os.environ.get("MODEL_FIRST", "0"))
ROUNDS = int(os.environ.get("MODEL_ROUNDS", "100"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
def test_after_the_faults_the_object_equals_the_mart(
    mart: Mart, connected: Connected, seed: int
) -> None:
    model = Model(random.Random(seed), mart, connected)
    for _ in range(model.chance.randint(2, 5)):
        model.next_night()
        model.spoil()
        model.sync_somehow()
    model.check(model.calm_down())
