"""`python -m tests.bench [NAME ...] [--json]`: measure, and print a table of ratios."""

import argparse
import sys
from collections.abc import Callable, Iterator

from tests.bench import load as loads
from tests.bench import redshift, salesforce
from tests.bench import runs as nights
from tests.bench.report import Pair, show

BENCHMARKS: dict[str, Callable[[], Iterator[Pair]]] = {
    "dbt": nights.dbt_under_luigi,
    "finished": nights.finished_night,
    "load": loads.load_of_app_logs,
    "history": nights.growing_history,
    "backfill": nights.backfill,
    "salesforce": salesforce.sync_of_many_rows,
    "salesforce-memory": salesforce.memory_of_a_million_rows,
    "redshift": redshift.stand_in,
}


def main() -> int:
    """Measure what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="print JSON instead")
    options = parser.parse_args()
    unknown = set(options.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    pairs: list[Pair] = []
    for name in options.names or BENCHMARKS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        for pair in BENCHMARKS[name]():
            print(f"  {pair}", file=sys.stderr, flush=True)
            pairs.append(pair)
    show(pairs, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
