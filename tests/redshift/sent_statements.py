"""Collect every statement that the project sends to Redshift, to be read.

`make sql` runs the commands below against the emulators and writes each statement once,
with its constants replaced. Reading them beside the Redshift developer guide finds what
the emulator would accept and a cluster would not.
"""

import re
import sys
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

from tests.emulators import up
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import CommandResult, copy_to
from tests.nightly.s3_objects import upload_partitions
from tests.nightly.template import unique_prefixes
from tests.redshift.statement_counts import counted, sender_and_kind

WORLD = World(orgs=30, days=3, until=date(2026, 11, 24), seed=3)
LAST = str(WORLD.until)
# 2 is a finished run with rows that Salesforce rejected, 3 a doctor without mail.
ACCEPTED_CODES = (0, 2, 3)
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("backfill", "--from", str(WORLD.dates[0]), "--to", str(WORLD.dates[-2])),
    ("run", "--date", LAST, "--workers", "4"),
    ("run", "--date", LAST),
    ("rerun", "--date", LAST, "--source", "orgs", "--report"),
    ("plan", "--date", LAST),
    ("run", "--date", LAST),
    ("status",),
    ("doctor",),
    ("report", "--date", LAST),
    ("explain-org", "1", "--date", LAST),
    ("rejects",),
    ("rejects", "locate"),
    ("salesforce", "diff"),
    ("salesforce", "rejects"),
    ("salesforce", "history", "1"),
    ("salesforce", "sync", "--full"),
)
DBT_COMMANDS = (
    ("build", "--full-refresh", "--select", "+fct_org_day"),
    ("docs", "generate"),
)
ROW = r"\((?:[^()]|\([^()]*\))*\)"  # of values, which may be calls
REPLACED = (
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r"(copied|stream)_[0-9a-f]{32}", r"\1_ID"),
    (r"__dbt_tmp[0-9]+", "__dbt_tmpN"),
    (r"'[0-9]{4}-[0-9]{2}-[0-9]{2}[^']*'", "'TIME'"),
    (r"s3://[^']*", "s3://URL"),
    (rf"(values\s*{ROW})(?:,\s*{ROW})+", r"\1, ..."),
    (r"in \(\$[0-9]+(?:, \$[0-9]+)+\)", "in ($N, ...)"),
)


def normalised(statement: str) -> str:
    """Return a statement with its constants replaced, so that equal ones are equal."""
    for pattern, replacement in REPLACED:
        statement = re.sub(pattern, replacement, statement, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in statement.splitlines() if line.strip())


def collect() -> list[str]:
    """Run the commands; return the statements, each once with its sender and number."""
    with tempfile.TemporaryDirectory(prefix="nightshift-sql-") as name:
        folder = Path(name)
        admin_socket = folder / "admin"
        with up.running(
            *("s3", "smtp", "salesforce", "redshift"),
            data=folder / "emulators",
            extra=("--admin-socket", str(admin_socket)),
        ) as emulators:
            environment = {
                **emulators.environment,
                **unique_prefixes(emulators.environment),
                "NIGHTSHIFT_LOCATE_REJECTS_MAX_GIB": "0.0000001",
            }
            project = copy_to(folder / "project", environment)
            write_to_folder(WORLD, folder / "raw")
            upload_partitions(project, folder / "raw")
            with counted(environment, admin_socket) as counts:
                for command in COMMANDS:
                    _require(command, project.nightshift(*command))
                for command in DBT_COMMANDS:
                    _require(command, project.dbt(*command))
    numbers = Counter(
        (sender_and_kind(text, "driver or dbt"), normalised(text))
        for text in counts.texts
    )
    return [
        f"-- {sender}: {kind}, {number} times\n{text}\n;"
        for ((sender, kind), text), number in sorted(numbers.items())
    ]


def _require(command: tuple[str, ...], result: CommandResult) -> None:
    if result.code not in ACCEPTED_CODES:
        raise RuntimeError(f"{command} failed:\n{result.out}\n{result.err}")


def main() -> None:
    """Write the statements to the file that the first argument names."""
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    statements = collect()
    path.write_text("\n\n".join(statements) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}: {len(statements)} different statements\n")


if __name__ == "__main__":
    main()
