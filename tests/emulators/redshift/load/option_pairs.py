"""Options of COPY and UNLOAD that cannot be used together."""

from collections.abc import Mapping, Sequence

from tests.emulators.redshift.errors import RedshiftError

DISPLAY_NAMES = {"null": "NULL AS", "partition": "PARTITION BY"}
COMPRESSIONS = ("gzip", "zstd", "bzip2", "lzop")
FORMATS = ("csv", "json", "parquet")
# Options that a format does not take, from copy-parameters-data-format and r_UNLOAD.
COPY_REFUSES: Mapping[str, tuple[str, ...]] = {
    "csv": ("fixedwidth", "removequotes", "escape"),
    "json": (
        "delimiter", "escape", "fillrecord", "fixedwidth", "ignoreblanklines", "null",
        "readratio", "removequotes", "quote",
    ),
    "delimited": ("quote",),
}  # fmt: skip
# All that COPY takes for columnar formats: copy-usage_notes-copy-from-columnar.
COLUMNAR_TAKES = (
    "acceptinvchars", "fillrecord", "iam_role", "statupdate", "manifest",
    "explicit_ids",
)  # fmt: skip
UNLOAD_REFUSES: Mapping[str, tuple[str, ...]] = {
    "csv": ("fixedwidth", "addquotes", "rowgroupsize"),
    "parquet": (
        "delimiter", "fixedwidth", "addquotes", "escape", "null", "header",
        *COMPRESSIONS,
    ),
    "json": (
        "delimiter", "header", "fixedwidth", "addquotes", "escape", "null",
        "rowgroupsize",
    ),
    "delimited": ("rowgroupsize",),
}  # fmt: skip


def check_copy(used: Sequence[str], kind: str) -> None:
    """Raise RedshiftError for an option that COPY refuses with the format `kind`."""
    _check_repeated(used)
    refused = COPY_REFUSES.get(kind, ())
    for name in used:
        is_unknown = kind == "parquet" and name not in (*COLUMNAR_TAKES, kind)
        if name in refused or is_unknown:
            raise _refuse(name, f"COPY from {_format_name(kind)}")


def check_unload(used: Sequence[str], kind: str) -> None:
    """Raise RedshiftError for an option that UNLOAD refuses with the format `kind`."""
    _check_repeated(used)
    for name in used:
        if name in UNLOAD_REFUSES[kind]:
            raise _refuse(name, f"UNLOAD to {_format_name(kind)}")
    if {"allowoverwrite", "cleanpath"} <= set(used):
        raise RedshiftError("CLEANPATH is not compatible with ALLOWOVERWRITE", "42601")


def _check_repeated(used: Sequence[str]) -> None:
    """Raise RedshiftError for an option, format or compression given twice."""
    for group in (FORMATS, COMPRESSIONS, *((name,) for name in set(used))):
        if sum(name in group for name in used) > 1:
            raise RedshiftError("conflicting or redundant options", "42601")


def _format_name(kind: str) -> str:
    return "delimited text" if kind == "delimited" else kind.upper()


def _refuse(name: str, what: str) -> RedshiftError:
    display = DISPLAY_NAMES.get(name, name.upper())
    return RedshiftError(f"{display} is not supported for {what}", "0A000")
