"""The lines that a COPY could not load: counted, and shown in the system views."""

from dataclasses import dataclass

from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.load.target import Column, Target

INSERT = "insert into pg_internal.load_error values %s"
RAW_LINE = 4096


class BadValue(Exception):
    """A value that cannot become its column's type: Redshift's code and reason."""

    def __init__(self, code: int, reason: str, position: int = 0) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.position = position


@dataclass(frozen=True)
class Place:
    """Where a row stands: the object's URL, its line's number, the line."""

    url: str
    number: int
    line: bytes


class Rejects:
    """Collects rejects until there are as many as MAXERROR says; then it raises."""

    def __init__(self, job: Job, target: Target, maxerror: int) -> None:
        self._job = job
        self._target = target
        self._limit = max(maxerror, 1)
        self._rows: list[tuple[object, ...]] = []

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._rows)

    def add(
        self, place: Place, problem: BadValue, column: Column | None, value: str | None
    ) -> None:
        """Take one reject; RedshiftError when it is one too many."""
        self._rows.append(
            (
                self._job.started.query_id,
                self._job.user,
                self._job.backend.pid,
                self._target.oid,
                self._job.started.at,
                place.url,
                place.number,
                column.name if column else "",
                column.kind if column else "",
                column.shown_length if column else "",
                problem.position,
                _shown(place.line),
                (value or "").replace("\0", "")[:1024],
                problem.code,
                problem.reason,
            )
        )
        if len(self._rows) >= self._limit:
            raise RedshiftError(
                f"Load into table '{self._target.name}' failed.  Check"
                " 'sys_load_error_detail' system table for details.",
                detail=f"{problem.reason}: line {place.number} of {place.url}",
            )

    def write(self) -> None:
        """Show them in the system views, whatever becomes of the transaction."""
        self._job.cluster.history.write(INSERT, self._rows)


def _shown(line: bytes) -> str:
    return line[:RAW_LINE].decode("utf-8", errors="replace").replace("\0", "")
