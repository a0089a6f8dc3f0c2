"""The way of the rows of a COPY into PostgreSQL: rows are checked, escaped and sent."""

from collections.abc import Sequence

from tests.emulators.redshift import history
from tests.emulators.redshift.catalog import quoted
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load import values
from tests.emulators.redshift.load.copy_options import CopyOptions
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.load.objects import S3Object
from tests.emulators.redshift.load.rejects import BadValue, Place, Rejects
from tests.emulators.redshift.load.target import Target
from tests.emulators.redshift.protocol import wire

HELD = "pg_internal_copy"
SEND_BYTES = 512 * 1024
HALF_WAY = (
    "S3ServiceException:Connection reset by peer while reading the object,"
    " CurlError 56, CanRetry 1"
)


class Sink:
    """Takes the rows of one COPY; `rows` counts those that were sent."""

    def __init__(self, job: Job, target: Target, options: CopyOptions) -> None:
        self._job = job
        self.target = target
        self.options = options
        self.rejects = Rejects(job, target, options.maxerror)
        self.rows = 0
        self._pending: list[str] = []
        self._pending_size = 0
        self._is_open = False
        self._fields = [
            (values.field(column, options), values.converter(column, options), column)
            for column in target.columns
        ]
        self._fault = job.cluster.faults.at_copy(job.catalog.resolved(options.table))

    def open(self) -> None:
        """Begin PostgreSQL's COPY; RedshiftError when the user may not."""
        backend, target = self._job.backend, self.target
        into = f"{target.sql} ({target.names})"
        if target.has_super:
            # Rows of SUPER columns come by way of a table that has JSON there.
            backend.query(f"create temp table {HELD} on commit drop as {self._held()}")
            into = HELD
        backend.send(wire.message(b"Q", wire.text(f"copy {into} from stdin")))
        kind, body = backend.read()
        while kind == b"E":
            failure = backend.failure(body)
            while kind != b"Z":
                kind, body = backend.read()
            raise failure
        self._is_open = True

    def row(self, fields: Sequence[str | None], place: Place) -> None:
        """Send one row, or reject it."""
        written: list[str] = []
        try:
            for (read, convert, _), value in zip(self._fields, fields, strict=True):
                written.append(read(value, convert))
        except BadValue as problem:
            bad = len(written)
            column, value = self._fields[bad][2], fields[bad]
            self.rejects.add(place, problem, column, value)
            return
        line = "\t".join(written)
        self._pending.append(line)
        self._pending_size += len(line)
        self._count(1)
        if self._pending_size >= SEND_BYTES:
            self.flush()

    def reject(self, place: Place, problem: BadValue) -> None:
        """Reject a line that has not the right fields at all."""
        self.rejects.add(place, problem, None, None)

    def lines(self, data: bytes, count: int) -> None:
        """Send rows of a single column that are known to be good, escaped already."""
        self.flush()
        self._count(count)
        self._send(data)
        self._job.check()

    def flush(self) -> None:
        """Send what waits to be sent."""
        if self._pending:
            data = "\n".join(self._pending) + "\n"
            self._pending, self._pending_size = [], 0
            self._send(data.encode())
            self._job.check()

    def file(self, item: S3Object, lines: int, rejected: int) -> tuple[object, ...]:
        """Return what is noted of an object when it is loaded."""
        query_id = self._job.started.query_id
        return (query_id, item.url, lines, rejected, item.size, history.now())

    def close(self) -> None:
        """End PostgreSQL's COPY; RedshiftError when it refuses a row after all."""
        self.flush()
        self._end(wire.message(b"c"))
        if self.target.has_super:
            chosen = ", ".join(
                f"c{place}::super" if column.kind == "super" else f"c{place}"
                for place, column in enumerate(self.target.columns)
            )
            self._job.backend.query(
                f"insert into {self.target.sql} ({self.target.names})"
                f" select {chosen} from {HELD}"
            )
            self._job.backend.query(f"drop table {HELD}")

    def _held(self) -> str:
        """Return the query whose columns, c0 and so on, are those of the table."""
        chosen = ", ".join(
            f"null::json as c{place}"
            if column.kind == "super"
            else f"{quoted([column.name])} as c{place}"
            for place, column in enumerate(self.target.columns)
        )
        return f"select {chosen} from {self.target.sql} where false"

    def abandon(self) -> None:
        """End PostgreSQL's COPY without keeping a row."""
        if self._is_open:
            try:
                self._end(wire.message(b"f", wire.text("the COPY failed")))
            except RedshiftError as error:
                if error.is_fatal:
                    raise

    def _end(self, message: bytes) -> None:
        backend = self._job.backend
        self._is_open = False
        backend.send(message)
        failure: RedshiftError | None = None
        kind = b""
        while kind != b"Z":
            kind, body = backend.read()
            if kind == b"E":
                failure = backend.failure(body)
        if failure is not None:
            raise failure

    def _send(self, data: bytes) -> None:
        for start in range(0, len(data), SEND_BYTES):
            part = data[start : start + SEND_BYTES]
            self._job.backend.send(wire.message(b"d", part))

    def _count(self, count: int) -> None:
        self.rows += count
        if self._fault is not None and self.rows >= self._fault.after_rows:
            raise RedshiftError(HALF_WAY)
