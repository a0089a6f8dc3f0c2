"""`python -m tests.bench [NAME ...] [--json]` runs benchmarks and prints the ratios.

`redshift-run` and `scale` have options of their own, see `--help`.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.bench import (
    load,
    redshift,
    redshift_objects,
    redshift_run,
    runs,
    salesforce,
)
from tests.bench.report import Comparison, print_comparisons
from tests.bench.scale.benchmark import scale

BENCHMARKS: dict[str, Callable[[], Iterator[Comparison]]] = {
    "dbt": runs.dbt_under_luigi,
    "finished": runs.finished_run,
    "load": load.load_app_logs,
    "history": runs.growing_history,
    "backfill": runs.backfill,
    "salesforce": salesforce.first_sync,
    "salesforce-delta": salesforce.delta,
    "salesforce-memory": salesforce.memory_of_first_sync,
    "redshift": redshift.redshift_emulator,
    "redshift-objects": redshift_objects.redshift_objects,
}
NAMES = [*BENCHMARKS, "redshift-run", "scale"]


def main() -> int:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument_group("scale").add_argument(
        "--orgs",
        type=_numbers,
        default=(25_000, 250_000),
        metavar="N[,N]",
        help="numbers of orgs (default: 25000,250000)",
    )
    _add_run_options(parser)
    options = parser.parse_args()
    benchmarks = BENCHMARKS | {
        "redshift-run": partial(redshift_run.redshift_run, _run_options(options)),
        "scale": partial(scale, options.orgs),
    }
    unknown = set(options.names) - benchmarks.keys()
    if unknown:
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}")
    comparisons: list[Comparison] = []
    for name in options.names or benchmarks:
        print(f"Running benchmark {name} ...", file=sys.stderr, flush=True)
        for comparison in benchmarks[name]():
            print(f"  {comparison}", file=sys.stderr, flush=True)
            comparisons.append(comparison)
    print_comparisons(comparisons, as_json=options.json)
    return 0


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("redshift-run")
    default = redshift_run.RunOptions()
    for option, numbers, meaning in (
        ("--workers", default.workers, "numbers of Luigi workers"),
        ("--objects", default.objects, "numbers of objects of a source and date"),
        ("--rows", default.rows, "factors of the number of rows"),
    ):
        listed = ",".join(map(str, numbers))
        group.add_argument(
            option,
            type=_numbers,
            default=tuple(numbers),
            metavar="N[,N]",
            help=f"{meaning} (default: {listed})",
        )
    group.add_argument(
        "--latency",
        action="store_true",
        help=f"delay each statement by {redshift_run.STATEMENT_MS} ms and each session "
        f"by {redshift_run.SESSION_MS} ms, and report seconds",
    )
    group.add_argument(
        "--statements", type=Path, metavar="FILE", help="write all statements there"
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _run_options(options: argparse.Namespace) -> redshift_run.RunOptions:
    return redshift_run.RunOptions(
        workers=options.workers,
        objects=options.objects,
        rows=options.rows,
        has_latency=options.latency,
        statements=options.statements,
    )


if __name__ == "__main__":
    sys.exit(main())
