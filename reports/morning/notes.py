"""Lines for operators at the end of the report: one per thing that needs a decision.

Each function of `READERS` reads one kind. Everything else that operators read is on
the history page.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from loaders.warehouse import Connection
from reports.morning.request import ReportRequest

MAX_NOTES = 20
MAX_PARTITIONS = 12


@dataclass(frozen=True)
class Note:
    """A sentence, and the command that acts on it or ''."""

    text: str
    command: str = ""


def read_notes(connection: Connection, request: ReportRequest) -> list[Note]:
    """Return the notes of a data date, at most `MAX_NOTES`."""
    notes = [note for read in READERS for note in read(connection, request)]
    return notes[:MAX_NOTES]


def _changed_partitions(_: Connection, request: ReportRequest) -> Iterator[Note]:
    """Yield the partitions outside of the run's window that changed after loading."""
    changed = request.changed_partitions
    for item in changed[:MAX_PARTITIONS]:
        yield Note(
            f"{item['source']} {item['dt']} changed after it was loaded. Take it in:",
            item["command"],
        )
    if len(changed) > MAX_PARTITIONS:
        yield Note(
            f"{len(changed) - MAX_PARTITIONS} more partitions changed after they were "
            "loaded. List them:",
            "nightshift status",
        )


READERS: Sequence[Callable[[Connection, ReportRequest], Iterator[Note]]] = (
    _changed_partitions,
)
