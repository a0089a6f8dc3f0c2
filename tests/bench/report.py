"""The result of a benchmark and its output as a table or JSON."""

import json
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Comparison:
    """A measurement of Nightshift and of a baseline, from the same run.

    `baseline` is None when there is nothing to compare with. `goal` describes the
    targeted ratio (ours / baseline) or value; it is not asserted.
    """

    name: str
    unit: str
    ours: float
    baseline: float | None = None
    baseline_name: str = ""
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        """Our value divided by the baseline's; None without a baseline."""
        return self.ours / self.baseline if self.baseline else None

    def __str__(self) -> str:
        """Return the value, the ratio and the goal in one line."""
        line = f"{self.name}: {self.ours:,.2f} {self.unit}"
        if self.ratio is not None:
            line += f", {self.ratio:.2f}x of {self.baseline_name}"
        return f"{line} (goal: {self.goal})" if self.goal else line


def print_comparisons(comparisons: list[Comparison], *, as_json: bool) -> None:
    """Print the comparisons as a table or as JSON."""
    if as_json:
        print(
            json.dumps([asdict(each) | {"ratio": each.ratio} for each in comparisons])
        )
        return
    table = Table(box=None, pad_edge=False)
    numbers = ("ours", "baseline value", "ratio")
    for column in ("benchmark", "ours", "baseline", "baseline value", "ratio", "goal"):
        table.add_column(column, justify="right" if column in numbers else "left")
    for each in comparisons:
        table.add_row(
            each.name,
            f"{each.ours:,.2f} {each.unit}",
            each.baseline_name,
            "" if each.baseline is None else f"{each.baseline:,.2f} {each.unit}",
            "" if each.ratio is None else f"{each.ratio:.2f}x",
            each.goal,
        )
    Console(width=150).print(table)
