"""The requested changes of a row, and the result of writing it."""

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.salesforce.errors import RowError


@dataclass(slots=True)
class Row:
    """New values by the field's position in the object, or an error of the input."""

    changes: dict[int, Any] = field(default_factory=dict)
    error: RowError | None = None


@dataclass(slots=True)
class RowResult:
    """The record's id and whether it was created, or the error of the row."""

    id: str = ""
    created: bool = False
    error: RowError | None = None
