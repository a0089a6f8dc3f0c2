"""Who gets which kind of dirt: dealt to a stream of lines, from a seeded generator."""

import math
from collections.abc import Mapping
from random import Random

FIRST_GAP = 9
"""Lines between the first dealings, at most: all kinds occur soon, but spread."""


class Deck:
    """Deals kinds to lines: every kind once soon, later each at its rate.

    Costs a subtraction for a line that gets none. Kinds of rate zero are never dealt.
    """

    def __init__(self, rates: Mapping[str, float], rng: Random) -> None:
        self._rng = rng
        self._rates = {kind: rate for kind, rate in rates.items() if rate > 0}
        self._total = sum(self._rates.values())
        self._first = sorted(self._rates)
        rng.shuffle(self._first)
        self._wait = self._gap()

    def deal(self, *, may: bool = True) -> str | None:
        """Return the kind for the next line, or None; one that is due waits for `may`.

        `may` is false where a line must stay as it is, whatever is due.
        """
        self._wait -= 1
        if self._wait > 0 or not may:
            return None
        if self._first:
            kind = self._first.pop()
        else:
            kind = self._rng.choices(
                list(self._rates), weights=self._rates.values(), k=1
            )[0]
        self._wait = self._gap()
        return kind

    def _gap(self) -> float:
        if not self._total:
            return math.inf
        if self._first:
            return self._rng.randint(1, FIRST_GAP)
        return math.ceil(self._rng.expovariate(self._total))
