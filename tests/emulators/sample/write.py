"""The `sample` command: writes a sample world's raw partitions to a folder or to S3.

`python -m tests.emulators sample --out DIR --orgs 300 --days 60 --until 2026-11-24
--seed 7`. The same arguments always give the same objects. Objects that exist on S3
are not uploaded again.
"""

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from tests.emulators.sample.adoption import Adoption
from tests.emulators.sample.app_logs import AppLogs
from tests.emulators.sample.bots import create_bots
from tests.emulators.sample.company import Company, generate_company
from tests.emulators.sample.destinations import Destination, LocalFolder, S3Prefix
from tests.emulators.sample.metrics import Metrics
from tests.emulators.sample.orgs import Orgs
from tests.emulators.sample.partitions import Packer
from tests.emulators.sample.rates import Rates, clean_rates
from tests.emulators.sample.stream import Source, Stream
from tests.emulators.sample.visits import Visits
from tests.emulators.sample.web_logs import WebLogs
from tests.emulators.sample.world import SourceSummary, World, WorldSummary

FAILED, BAD_ARGUMENTS = 1, 3


def write_to_folder(world: World, folder: Path) -> WorldSummary:
    """Write all partitions as `folder/{source}/dt=YYYY-MM-DD/*` with `_SUCCESS`.

    Partitions that exist in the folder are replaced.
    """
    return _write(world, [LocalFolder(folder)])


def write_to_s3(world: World, url: str, *, folder: Path | None = None) -> WorldSummary:
    """Write all partitions to `url` (`s3://bucket/prefix`), and to `folder` if given.

    Objects that exist with the same ETag are not uploaded again. If the whole world
    exists on S3, and no folder is given, it is not even generated. Other objects in its
    partitions are deleted, and each `_SUCCESS` is written last. The S3 client uses
    boto3's environment and configuration; its errors are not caught.
    """
    destination = S3Prefix(url)
    if folder is None:
        existing = destination.existing_summary(world)
        if existing is not None:
            return existing
        return _write(world, [destination])
    return _write(world, [LocalFolder(folder), destination])


def build_sources(world: World, company: Company) -> list[Source]:
    """Return the four sources of a world, in the order in which they are written."""
    adoption = Adoption(world)
    visits = Visits(world, company, adoption)
    return [
        Orgs(world, company),
        Metrics(world, company, adoption),
        AppLogs(world, company, adoption, visits),
        WebLogs(world, visits, create_bots(world, company)),
    ]


def main(arguments: list[str]) -> int:
    """Write a world with the parameters of the command line; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.out is None and options.s3 is None:
        parser.error("no destination was given. Use --out DIR, --s3 URL, or both.")
    try:
        world = World(
            orgs=options.orgs,
            days=options.days,
            until=options.until,
            seed=options.seed,
            scale=options.scale,
            rates=clean_rates() if options.clean else Rates(),
        )
        if options.s3 is None:
            summary = write_to_folder(world, options.out)
        else:
            summary = write_to_s3(world, options.s3, folder=options.out)
    except ValueError as error:
        parser.error(str(error))
    except (BotoCoreError, ClientError) as error:
        print(f"Writing to {options.s3} failed. {error}", file=sys.stderr)
        return FAILED
    if options.json:
        output = {"world": world.to_json(), "summary": summary.to_json()}
        print(json.dumps(output))
    else:
        _print_table(summary)
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser that exits with 3 on invalid arguments, as `nightshift` does."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(BAD_ARGUMENTS, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m tests.emulators sample",
        description="Write a sample company's raw partitions, deliberately dirty.",
    )
    default = World()
    parser.add_argument("--out", type=Path, metavar="DIR", help="write to this folder")
    parser.add_argument("--s3", metavar="URL", help="write to s3://bucket/prefix")
    parser.add_argument("--orgs", type=int, default=default.orgs, help="number of orgs")
    parser.add_argument(
        "--days", type=int, default=default.days, help="number of partitions per source"
    )
    parser.add_argument(
        "--until",
        type=date.fromisoformat,
        default=default.until,
        help="date of the last partition",
    )
    parser.add_argument("--seed", type=int, default=default.seed, help="random seed")
    parser.add_argument(
        "--scale", type=int, default=default.scale, help="multiply the log lines"
    )
    parser.add_argument("--clean", action="store_true", help="omit all dirt")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser


def _write(world: World, destinations: list[Destination]) -> WorldSummary:
    company = generate_company(world)
    summary = WorldSummary(sources={}, scenarios=company.scenarios)
    pipelines = []
    for source in build_sources(world, company):
        counts = summary.sources[source.name] = SourceSummary()
        stream = Stream(world, source, counts)
        pipelines.append((source.name, stream, Packer(world, source, counts)))
    for day, dt in enumerate(world.dates):
        for name, stream, packer in pipelines:
            partition = f"{name}/dt={dt.isoformat()}"
            summary.sources[name].partitions += 1
            for item in packer.objects(day, stream.lines(day)):
                for destination in destinations:
                    destination.put(partition, item)
            for destination in destinations:
                destination.complete(partition)
    for destination in destinations:
        destination.close(world, summary)
    return summary


def _print_table(summary: WorldSummary) -> None:
    table = Table("source", "partitions", "objects", "lines", "rejects", "dirt")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, source in summary.sources.items():
        counts = (source.partitions, source.objects, source.lines, source.rejects)
        dirt = sum(source.dirt.values())
        table.add_row(name, *(f"{count:,}" for count in (*counts, dirt)))
    Console().print(table)
