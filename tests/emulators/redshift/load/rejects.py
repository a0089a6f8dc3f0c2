"""Rejected rows of a COPY, counted and recorded for the system views."""

from dataclasses import dataclass

from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.load.target import Column, Target

INSERT = "insert into pg_internal.load_error values %s"
RAW_LINE_BYTES = 4096
RAW_VALUE_CHARACTERS = 1024


class BadValue(Exception):
    """An invalid value or line, with Redshift's error code and reason."""

    def __init__(self, code: int, reason: str, position: int = 0) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.position = position


@dataclass(frozen=True)
class RowLocation:
    """The location of a row: the object's URL, the line number, the line itself."""

    url: str
    number: int
    line: bytes


class Rejects:
    """Collects rejects and fails the COPY when MAXERROR is reached."""

    def __init__(self, job: Job, target: Target, maxerror: int) -> None:
        self._job = job
        self._target = target
        self._limit = max(maxerror, 1)
        self._rows: list[tuple[object, ...]] = []

    @property
    def count(self) -> int:
        """The number of rejects."""
        return len(self._rows)

    def add(
        self,
        location: RowLocation,
        problem: BadValue,
        column: Column | None,
        value: str | None,
    ) -> None:
        """Add a reject; raise RedshiftError when MAXERROR is reached."""
        self._rows.append(
            (
                self._job.started.query_id,
                self._job.user,
                self._job.backend.pid,
                self._target.oid,
                self._job.started.started_at,
                location.url,
                location.number,
                column.name if column else "",
                column.kind if column else "",
                column.display_length if column else "",
                problem.position,
                _raw_line(location.line),
                (value or "").replace("\0", "")[:RAW_VALUE_CHARACTERS],
                problem.code,
                problem.reason,
            )
        )
        if len(self._rows) >= self._limit:
            raise RedshiftError(
                f"Load into table '{self._target.name}' failed.  Check"
                " 'sys_load_error_detail' system table for details.",
                detail=f"{problem.reason}: line {location.number} of {location.url}",
            )

    def write(self) -> None:
        """Write the rejects, independently of the session's transaction."""
        self._job.cluster.history.write_rows(INSERT, self._rows)


def _raw_line(line: bytes) -> str:
    return line[:RAW_LINE_BYTES].decode("utf-8", errors="replace").replace("\0", "")
