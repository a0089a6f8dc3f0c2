"""Full disks, memory and damaged files, recognised by the text of DuckDB's errors.

Its exception classes do not separate these cases, and dbt passes on the text alone.
"""

import re
from pathlib import Path

from loaders import machine
from loaders.errors import MachineError

NAMED_FILE = re.compile(r'file \\?"(?P<path>[^"\\]+)\\?"')
# In lower case.
FULL_TEXTS = ("no space left on device", "disk quota exceeded", "file too large")
DISK_LIMIT_TEXT = "max_temp_directory_size"
MEMORY_TEXTS = ("out of memory", "could not allocate", "cannot allocate memory")
WAL_TEXTS = ("replaying wal", "corrupt wal", "wal does not match")
NEWER_TEXT = "created with a newer version of duckdb"
OLDER_TEXT = "created with an older development version"
DAMAGE_TEXTS = (
    "not a valid duckdb database file",
    "corrupt database file",
    "could not read enough bytes",
    "failed to load metadata",
    "failed to deserialize",
    "database has been invalidated",
)


def problem(text: str, path: Path) -> MachineError | None:
    """Return the error for a full disk, no memory or a damaged file, by DuckDB's text.

    dbt passes on nothing but the text.
    """
    lower = text.lower()
    cause = text.splitlines()[0].strip().rstrip(".!") if text else ""
    if full := [part for part in FULL_TEXTS if part in lower]:
        named = NAMED_FILE.search(text)
        return machine.full_disk(Path(named["path"]) if named else path, full[0])
    if DISK_LIMIT_TEXT in lower:
        return MachineError(
            f"Temporary files of DuckDB beside {path} have used up the disk: "
            f"{machine.free_bytes(path):,} bytes are free ({cause}). Free disk space, "
            "or set temp_directory to a larger disk under `settings` of the target in "
            "profiles.yml, then run again."
        )
    if any(part in lower for part in MEMORY_TEXTS):
        return MachineError(
            f"DuckDB ran out of memory ({cause}). Set a larger memory_limit or fewer "
            "threads under `settings` of the target in profiles.yml, or give the "
            "machine more memory, then run again."
        )
    if any(part in lower for part in WAL_TEXTS):
        return _damaged_wal(path, cause)
    if NEWER_TEXT in lower or OLDER_TEXT in lower:
        age = "newer" if NEWER_TEXT in lower else "older"
        return MachineError(
            f"The DuckDB file {path} was written by a {age} version of DuckDB than the "
            "one that is installed here. Install that version "
            "(`make install` after an update of the project). " + _rebuild(path)
        )
    if any(part in lower for part in DAMAGE_TEXTS):
        return damaged_file(path, cause)
    return None


def damaged_file(path: Path, cause: str) -> MachineError:
    """Return the error for a file that is not, or no longer, a DuckDB file."""
    return MachineError(
        f"The DuckDB file {path} is damaged or not a DuckDB file ({cause}). "
        + _rebuild(path)
    )


def _damaged_wal(path: Path, cause: str) -> MachineError:
    wal = path.with_name(f"{path.name}.wal")
    return MachineError(
        f"The write-ahead log {wal} is damaged or belongs to another file ({cause}). "
        f"Set it aside with `mv {wal} {wal}.damaged` and run again: the file keeps "
        "everything up to its last checkpoint, and the next run repeats the rest. If "
        f"that does not help: {_rebuild(path)}"
    )


def _rebuild(path: Path) -> str:
    """Return how to build the warehouse again from the raw partitions."""
    return (
        f"To rebuild it from S3, move {path} and {path.name}.wal away and run "
        "`nightshift backfill --from D1 --to D2`. What Salesforce has accepted is in "
        "that file too, so the next sync sends all records again."
    )
