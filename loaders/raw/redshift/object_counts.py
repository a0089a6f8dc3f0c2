"""Line counts of the objects of a load, and whether COPY read what was listed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loaders import s3
from loaders.errors import DataError
from loaders.ledger.loads import LoadCounts, ObjectCount
from loaders.raw import object_lines
from loaders.raw.redshift import views
from loaders.raw.redshift.copy_objects import Copy, Source
from loaders.raw.redshift.rejects import PartitionResult
from loaders.warehouse import Connection


@dataclass(frozen=True)
class ReadObject:
    """An object that was read: its lines, blank ones included, and its ETag.

    None and '' if they are not known.
    """

    lines: int | None
    etag: str


def read_objects(
    connection: Connection, copies: Sequence[Copy], replaced: dict[str, Source]
) -> dict[str, ReadObject]:
    """Return what is known of the objects that COPY read, by the listed URL."""
    scanned = views.scanned_objects(connection, copies)
    counted = [
        source for source in views.indistinct_sources(copies) if not source.is_copy
    ]
    lines = object_lines.in_parallel(
        object_lines.count, [source.item for source in counted]
    )
    return {
        **{url: ReadObject(scan.lines, scan.etag) for url, scan in scanned.items()},
        # This process has opened these by their ETag, after they were listed.
        **{
            source.item.url: ReadObject(count, source.item.etag)
            for source, count in zip(counted, lines, strict=True)
        },
        **{
            url: ReadObject(source.lines, source.item.etag)
            for url, source in replaced.items()
        },
    }


def require_unchanged(
    partition: s3.Partition, objects: Mapping[str, ReadObject]
) -> None:
    """Raise `DataError` if COPY may have read other content than was listed.

    The partition is listed again only if the ETags that COPY reports do not confirm the
    first listing: older clusters report none.
    """
    unknown = ReadObject(None, "")
    is_confirmed = all(
        objects.get(item.url, unknown).etag == item.etag
        for item in partition.objects
        if item.size
    )
    if is_confirmed or s3.relist(partition).fingerprint == partition.fingerprint:
        return
    raise DataError(
        f"{partition.url} changed while it was being loaded. "
        f"Run again to load the new content."
    )


def load_counts(
    result: PartitionResult, objects: Mapping[str, ReadObject]
) -> LoadCounts:
    """Return a partition's counts; rows per object only if no line is blank."""
    rejects: dict[str, int] = defaultdict(int)
    for reject in result.rejects:
        if reject.item is not None:
            rejects[reject.item.url] += 1
    empty, unknown = ReadObject(0, ""), ReadObject(None, "")
    lines = {
        item.url: objects.get(item.url, unknown if item.size else empty).lines
        for item in result.load.partition.objects
    }
    has_no_blank_lines = result.is_located and result.lines == sum(
        count or 0 for count in lines.values()
    )
    return LoadCounts(
        lines=result.lines,
        rows=result.rows,
        rejects=len(result.rejects),
        objects=tuple(
            ObjectCount(
                item=item,
                lines=(count := lines[item.url]),
                rows=count - rejects[item.url]
                if has_no_blank_lines and count is not None
                else None,
                rejects=rejects[item.url] if result.is_located else None,
            )
            for item in result.load.partition.objects
        ),
    )
