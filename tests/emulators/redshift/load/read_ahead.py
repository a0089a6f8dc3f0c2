"""Read the objects of a COPY ahead, several at once, in bounded memory."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tests.emulators.redshift.load.storage import OpenObject, S3Object, Storage

THREADS = 8
OBJECTS_AHEAD = 32


@dataclass(frozen=True)
class ReadObject:
    """An open object and the first chunk of its content."""

    item: S3Object
    opened: OpenObject
    first: bytes
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in chunks."""
        if self.first:
            yield self.first
            yield from self.opened.read_chunks(self.size)


def read_ahead(
    storage: Storage, items: Sequence[S3Object], chunk_size: int
) -> Iterator[ReadObject]:
    """Yield the opened objects in their order.

    While the caller reads one, the first chunks of the next ones are read. Raises
    RedshiftError if an object cannot be opened.
    """

    def read(item: S3Object) -> ReadObject:
        opened = storage.open_object(item)
        return ReadObject(item, opened, opened.read(chunk_size), chunk_size)

    pool = ThreadPoolExecutor(min(THREADS, max(len(items), 1)))
    pending: deque[Future[ReadObject]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(read, item))
            if len(pending) > OBJECTS_AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
