"""Files that contain an erased subject: archived Parquet files, pages and logs.

A file is replaced as a whole, so a reader sees either the old content or the new one.
`_SUCCESS` of an archive partition stays valid all the time.
"""

import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from loaders import s3
from loaders.errors import ConfigError
from loaders.private_files import VAR
from loaders.removal.identity import Identity, in_list
from loaders.removal.rows import ORG_COLUMN
from loaders.warehouse import identifier, literal
from loaders.warehouse.local_tables import LocalConnection

DOWNLOADS = 4
PAGE_TYPE = "text/html; charset=utf-8"
# Pages, mails and logs; the other files below `var/` are databases and caches.
TEXT_SUFFIXES = {".html", ".log", ".txt", ".json", ".md", ".csv"}
ROTATED_LOG = re.compile(r"\.log\.\d+$")
IGNORED_FOLDERS = ("dbt", "spool", "demo")
LOCK = "lock"  # of a sync; it has the id of a process only
SENDER = "-- loaders.removal.files"

log = structlog.get_logger()


def erase_from_archive(url: str, identity: Identity, *, dry_run: bool) -> list[str]:
    """Rewrite the objects of the archive that contain the subject; return their URLs.

    These are Parquet files with rows of the org, in all versions and environments, and
    pages with its mail address or name.
    """
    if not identity.orgs:
        return []  # No dataset and no page has a user.
    found = []
    with tempfile.TemporaryDirectory(prefix="nightshift-erase-") as name:
        folder = Path(name)
        local = LocalConnection(folder / "local.db")
        try:
            items = [
                item
                for item in s3.list_objects(f"{url}/")
                if item.name.endswith((".html", ".parquet"))
            ]
            with ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="erase") as pool:
                for start in range(0, len(items), DOWNLOADS):
                    group = items[start : start + DOWNLOADS]
                    paths = [folder / f"{number}.part" for number in range(len(group))]
                    list(pool.map(_download, group, paths))
                    for item, path in zip(group, paths, strict=True):
                        if _rewrite(local, item, path, identity, dry_run=dry_run):
                            found.append(item.url)
        finally:
            local.close()
    return found


def erase_from_local_files(identity: Identity, *, dry_run: bool) -> list[Path]:
    """Replace mail addresses and names in logs and pages of `var/`; return those."""
    found = []
    for path in sorted(VAR.rglob("*")) if VAR.is_dir() else ():
        if not _is_local_text(path):
            continue
        try:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            replaced = identity.texts.redact(text, is_html=path.suffix == ".html")
            if replaced == text:
                continue
            found.append(path)
            if not dry_run:
                # In place: another process may append to a log.
                with path.open("r+b") as file:
                    file.write(replaced.encode("utf-8", "surrogateescape"))
                    file.truncate()
        except OSError as error:
            raise ConfigError(
                f"The file {path} cannot be rewritten: {error.strerror}. Correct its "
                "permissions, then run the command again."
            ) from error
    return found


def _download(item: s3.S3Object, path: Path) -> None:
    with s3.open_object(item) as body, path.open("wb") as file:
        shutil.copyfileobj(body, file)


def _rewrite(
    local: LocalConnection,
    item: s3.S3Object,
    path: Path,
    identity: Identity,
    *,
    dry_run: bool,
) -> bool:
    """Rewrite one object if it contains the subject; return whether it does."""
    if item.name.endswith(".html"):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        replaced = identity.texts.redact(text, is_html=True)
        if replaced != text and not dry_run:
            content = replaced.encode("utf-8", "surrogateescape")
            s3.write(item.url, content, content_type=PAGE_TYPE)
        return replaced != text
    rows = f"read_parquet({literal(str(path))})"
    columns = [
        name
        for name, _ in local.columns(f"{SENDER} columns\nselect * from {rows}")
        if ORG_COLUMN.fullmatch(name)
    ]
    if not columns:
        return False
    ids = [str(org) for org in identity.orgs]
    condition = " or ".join(
        in_list(f"cast({identifier(name)} as varchar)", ids) for name in columns
    )
    parameters: Sequence[object] = ids * len(columns)
    count = local.fetch_one(
        f"{SENDER} count\nselect count(*) from {rows} where {condition}", parameters
    )
    if not count or not count[0]:
        return False
    if not dry_run:
        kept = path.with_suffix(".kept")
        local.execute(
            f"{SENDER} rewrite\ncopy (select * from {rows} "
            f"where not coalesce({condition}, false)) to {literal(str(kept))} "
            "(format parquet, compression zstd)",
            parameters,
        )
        s3.upload(kept, item.url)
        kept.unlink()
        log.info("archive file rewritten", url=item.url, rows=int(count[0]))
    return True


def _is_local_text(path: Path) -> bool:
    relative = path.relative_to(VAR)
    if relative.parts[0] in IGNORED_FOLDERS or path.is_symlink():
        return False
    is_text = path.suffix in TEXT_SUFFIXES or bool(ROTATED_LOG.search(path.name))
    return is_text and path.is_file()


def find_spooled() -> list[Path]:
    """Return the files of interrupted syncs, which may contain the subject.

    The next sync needs them to find out what was accepted, then deletes them.
    """
    paths = sorted((VAR / "spool").rglob("*"))
    return [
        path
        for path in paths
        if path.is_file() and path.name != LOCK and path.stat().st_size
    ]
