"""Locate rejects whose load left their object and line number out.

A load on Redshift does not search partitions that are larger than
`NIGHTSHIFT_LOCATE_REJECTS_MAX_GIB`. This search has no bound.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

from loaders import s3, warehouse
from loaders.config import settings
from loaders.ledger import load_objects
from loaders.ledger import rejects as reject_ledger
from loaders.ledger.rejects import LedgerReject, LoadRejects
from loaders.raw import object_lines
from loaders.raw.object_lines import LongLine
from loaders.raw.records import RecordParser, Reject
from loaders.warehouse.declared_tables import raw_tables

OTHER_LINE = ""  # the key of a line that is none of the rejects


def locate(load: LoadRejects) -> int:
    """Find the load's rejects in its objects; return how many were found.

    Stores the places in `ops.load_rejects`. Raises `DataError` if an object has changed
    since its load.
    """
    with warehouse.session() as connection:
        rejects = reject_ledger.read_rejects(connection, load.load_id)
        objects = load_objects.read(
            connection, load.load_id, settings.load().required_raw_url()
        )
    places = object_lines.locate(
        objects,
        Counter(_key(reject.reason, reject.line) for reject in rejects),
        key=_line_key(load.source, rejects),
    )
    located = list(_with_places(rejects, places))
    warehouse.run_in_transaction(
        lambda connection: reject_ledger.replace_not_located(connection, load, located)
    )
    return sum(reject.object_key is not None for reject in located)


def _key(reason: str, text: str) -> str:
    return f"{reason}\n{text}"


def _line_key(
    source: str, rejects: list[LedgerReject]
) -> Callable[[bytes | LongLine], str]:
    """Return a function that returns the key of a rejected line.

    Only lines that begin like a reject are parsed: their reasons must be equal too.
    """
    parser = RecordParser(raw_tables()[source])
    texts = {reject.line for reject in rejects}

    def key(line: bytes | LongLine) -> str:
        if object_lines.ledger_text(line) not in texts:
            return OTHER_LINE
        parsed = object_lines.parse(parser, line)
        if isinstance(parsed, Reject):
            return _key(parsed.reason, parsed.line)
        return OTHER_LINE

    return key


def _with_places(
    rejects: list[LedgerReject], places: dict[str, list[tuple[s3.S3Object, int]]]
) -> Iterator[LedgerReject]:
    """Yield the rejects without a place, with one that no other reject has."""
    taken = {(reject.object_key, reject.line_number) for reject in rejects}
    free: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for key, found in places.items():
        free[key] = [
            (item.key, number)
            for item, number in found
            if (item.key, number) not in taken
        ]
    for reject in rejects:
        if reject.object_key is None:
            candidates = free[_key(reject.reason, reject.line)]
            object_key, number = candidates.pop(0) if candidates else (None, None)
            yield replace(reject, object_key=object_key, line_number=number)
