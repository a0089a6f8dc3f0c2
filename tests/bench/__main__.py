"""`python -m tests.bench [NAME ...] [--json]` runs benchmarks and prints the ratios."""

import argparse
import sys
from collections.abc import Callable, Iterator

from tests.bench import load, redshift, redshift_objects, runs, salesforce
from tests.bench.report import Comparison, print_comparisons

BENCHMARKS: dict[str, Callable[[], Iterator[Comparison]]] = {
    "dbt": runs.dbt_under_luigi,
    "finished": runs.finished_run,
    "load": load.load_app_logs,
    "history": runs.growing_history,
    "backfill": runs.backfill,
    "salesforce": salesforce.first_sync,
    "salesforce-memory": salesforce.memory_of_first_sync,
    "redshift": redshift.redshift_emulator,
    "redshift-objects": redshift_objects.redshift_objects,
}


def main() -> int:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    options = parser.parse_args()
    unknown = set(options.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}")
    comparisons: list[Comparison] = []
    for name in options.names or BENCHMARKS:
        print(f"Running benchmark {name} ...", file=sys.stderr, flush=True)
        for comparison in BENCHMARKS[name]():
            print(f"  {comparison}", file=sys.stderr, flush=True)
            comparisons.append(comparison)
    print_comparisons(comparisons, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
