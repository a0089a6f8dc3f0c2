"""A row that is asked for, and what became of it."""

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.salesforce.errors import RowError


@dataclass(slots=True)
class Row:
    """What is asked for: new values by the field's position, or why not."""

    changes: dict[int, Any] = field(default_factory=dict)
    error: RowError | None = None


@dataclass(slots=True)
class Verdict:
    """What became of a row: its record's id, whether that is new, or why not."""

    id: str = ""
    created: bool = False
    error: RowError | None = None
