"""What a benchmark gives back, and how it is shown."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Pair:
    """Two measurements of one run: ours, and what it is held against.

    `goal` says what ratio (ours / other) or figure was aimed for; nothing is asserted.
    """

    name: str
    unit: str
    ours: float
    other: float | None
    against: str
    goal: str

    @property
    def ratio(self) -> float | None:
        """Ours over the other; None when there is nothing beside it."""
        return self.ours / self.other if self.other else None

    def __str__(self) -> str:
        """In one line: the figures, and the ratio where there is one."""
        told = f"{self.name}: {self.ours:,.2f} {self.unit}"
        if self.ratio is not None:
            told += f", {self.ratio:.2f}x of {self.against}"
        return f"{told} (goal: {self.goal})" if self.goal else told


def middle(figures: Iterable[float]) -> float:
    """Return the median: one disturbed turn must not decide."""
    return float(median(list(figures)))


def show(pairs: list[Pair], *, as_json: bool) -> None:
    """Print the pairs as a table or as JSON."""
    if as_json:
        print(json.dumps([asdict(pair) | {"ratio": pair.ratio} for pair in pairs]))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("what", "ours", "against", "other", "ratio", "goal"):
        is_number = column in ("ours", "other", "ratio")
        table.add_column(column, justify="right" if is_number else "left")
    for pair in pairs:
        table.add_row(
            pair.name,
            f"{pair.ours:,.2f} {pair.unit}",
            pair.against,
            "" if pair.other is None else f"{pair.other:,.2f} {pair.unit}",
            "" if pair.ratio is None else f"{pair.ratio:.2f}x",
            pair.goal,
        )
    Console(width=150).print(table)
