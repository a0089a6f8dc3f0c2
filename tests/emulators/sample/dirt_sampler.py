"""Random selection of the lines that become dirty, and of the kind of dirt."""

import math
from collections.abc import Mapping
from random import Random

MAX_FIRST_GAP = 9
"""Maximum number of lines between first occurrences, so that all kinds occur early."""


class DirtSampler:
    """Draws the kind of dirt for each line of a stream.

    Each kind with a rate above zero occurs once near the start, and from then on at
    its rate. A line that stays clean costs one subtraction.
    """

    def __init__(self, rates: Mapping[str, float], rng: Random) -> None:
        self._rng = rng
        self._rates = {kind: rate for kind, rate in rates.items() if rate > 0}
        self._total_rate = sum(self._rates.values())
        self._not_yet_drawn = sorted(self._rates)
        rng.shuffle(self._not_yet_drawn)
        self._lines_until_next = self._draw_gap()

    def next_kind(self, *, allowed: bool = True) -> str | None:
        """Return the kind of dirt for the next line, or None for a clean line.

        When `allowed` is false the line stays clean, and a kind that is due is
        postponed to the next line that allows it.
        """
        self._lines_until_next -= 1
        if self._lines_until_next > 0 or not allowed:
            return None
        if self._not_yet_drawn:
            kind = self._not_yet_drawn.pop()
        else:
            kinds, rates = list(self._rates), list(self._rates.values())
            kind = self._rng.choices(kinds, weights=rates, k=1)[0]
        self._lines_until_next = self._draw_gap()
        return kind

    def _draw_gap(self) -> float:
        """Return the number of lines until the next dirty one."""
        if not self._total_rate:
            return math.inf
        if self._not_yet_drawn:
            return self._rng.randint(1, MAX_FIRST_GAP)
        return math.ceil(self._rng.expovariate(self._total_rate))
