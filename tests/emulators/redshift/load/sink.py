"""Send the rows of a COPY to PostgreSQL: convert, escape, reject, count."""

from collections.abc import Sequence

from tests.emulators.redshift import history
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load import values
from tests.emulators.redshift.load.copy_options import CopyOptions
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.load.read_ahead import ReadObject
from tests.emulators.redshift.load.rejects import BadValue, Rejects, RowLocation
from tests.emulators.redshift.load.target import STAGED_TYPES, Target
from tests.emulators.redshift.protocol import wire

STAGING_TABLE = "pg_internal_copy"
SEND_BYTES = 512 * 1024
INJECTED_FAILURE = (
    "S3ServiceException:Connection reset by peer while reading the object,"
    " CurlError 56, CanRetry 1"
)


class Sink:
    """Receives the rows of one COPY; `rows` is the number of rows accepted."""

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
            (
                values.create_field_reader(column, options),
                values.create_converter(column, options),
                column,
            )
            for column in target.columns
        ]
        self._fault = job.cluster.faults.due_at_copy(
            job.catalog.qualified_name(options.table)
        )

    def open(self) -> None:
        """Begin PostgreSQL's COPY; raise RedshiftError if the user lacks permission."""
        backend, target = self._job.backend, self.target
        into = f"{target.sql} ({target.names})"
        if target.needs_staging:
            query = self._staging_query()
            backend.query(
                f"create temp table {STAGING_TABLE} on commit drop as {query}"
            )
            into = STAGING_TABLE
        backend.send(wire.pack_message(b"Q", wire.pack_text(f"copy {into} from stdin")))
        kind, body = backend.read_message()
        while kind == b"E":
            failure = backend.read_error(body)
            while kind != b"Z":
                kind, body = backend.read_message()
            raise failure
        self._is_open = True

    def add_row(self, fields: Sequence[str | None], location: RowLocation) -> None:
        """Convert and buffer one row, or reject it."""
        converted: list[str] = []
        try:
            for (read, convert, _), value in zip(self._fields, fields, strict=True):
                converted.append(read(value, convert))
        except BadValue as problem:
            index = len(converted)
            column, value = self._fields[index][2], fields[index]
            self.rejects.add(location, problem, column, value)
            return
        line = "\t".join(converted)
        self._pending.append(line)
        self._pending_size += len(line)
        self._count_rows(1)
        if self._pending_size >= SEND_BYTES:
            self.flush()

    def reject(self, location: RowLocation, problem: BadValue) -> None:
        """Reject a line that cannot be split into fields."""
        self.rejects.add(location, problem, None, None)

    def add_lines(self, data: bytes, count: int) -> None:
        """Send valid, already escaped rows of a single column."""
        self.flush()
        self._count_rows(count)
        self._send(data)
        self._job.check_interrupted()

    def flush(self) -> None:
        """Send the buffered rows."""
        if self._pending:
            data = "\n".join(self._pending) + "\n"
            self._pending, self._pending_size = [], 0
            self._send(data.encode())
            self._job.check_interrupted()

    def file_records(
        self, read: ReadObject, lines: int, rejected: int, *, splits: int
    ) -> list[tuple[object, ...]]:
        """Return the rows of pg_internal.load_file, one per split of a loaded object.

        All lines but one each belong to the first split.
        """
        now, query_id = history.utc_now(), self._job.started.query_id
        others = min(splits, lines + 1) - 1
        counts = [(lines - others, rejected, read.item.size), *[(1, 0, 0)] * others]
        version = (read.opened.etag, read.opened.modified_at)
        return [
            (query_id, read.item.url, count, errors, size, *version, now)
            for count, errors, size in counts
        ]

    def close(self) -> None:
        """Complete PostgreSQL's COPY; raise RedshiftError if it rejects a row."""
        self.flush()
        self._end_copy(wire.pack_message(b"c"))
        if self.target.needs_staging:
            columns = ", ".join(
                STAGED_TYPES.get(column.kind, ("", "{}"))[1].format(f"c{index}")
                for index, column in enumerate(self.target.columns)
            )
            self._job.backend.query(
                f"insert into {self.target.sql} ({self.target.names})"
                f" select {columns} from {STAGING_TABLE}"
            )
            self._job.backend.query(f"drop table {STAGING_TABLE}")

    def _staging_query(self) -> str:
        """Return the query that defines the staging table, with columns c0, c1, ..."""
        columns = ", ".join(
            f"null::{STAGED_TYPES[column.kind][0]} as c{index}"
            if column.kind in STAGED_TYPES
            else f"{column.sql} as c{index}"
            for index, column in enumerate(self.target.columns)
        )
        return f"select {columns} from {self.target.sql} where false"

    def abort(self) -> None:
        """Abort PostgreSQL's COPY."""
        if self._is_open:
            try:
                self._end_copy(
                    wire.pack_message(b"f", wire.pack_text("the COPY failed"))
                )
            except RedshiftError as error:
                if error.is_fatal:
                    raise

    def _end_copy(self, message: bytes) -> None:
        backend = self._job.backend
        self._is_open = False
        backend.send(message)
        failure: RedshiftError | None = None
        kind = b""
        while kind != b"Z":
            kind, body = backend.read_message()
            if kind == b"E":
                failure = backend.read_error(body)
        if failure is not None:
            raise failure

    def _send(self, data: bytes) -> None:
        for start in range(0, len(data), SEND_BYTES):
            part = data[start : start + SEND_BYTES]
            self._job.backend.send(wire.pack_message(b"d", part))

    def _count_rows(self, count: int) -> None:
        self.rows += count
        if self._fault is not None and self.rows >= self._fault.after_rows:
            raise RedshiftError(INJECTED_FAILURE)
