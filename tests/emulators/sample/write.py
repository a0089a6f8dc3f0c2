"""Writes a sample world: raw partitions in a folder, on S3, or both.

`python -m tests.emulators sample --out DIR --orgs 300 --days 60 --until 2026-11-24
--seed 7`. The same world always gives the same objects; what is on S3 already is
not sent again.
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
from tests.emulators.sample.bots import robots
from tests.emulators.sample.company import Company, found_company
from tests.emulators.sample.destinations import Bucket, Destination, Folder
from tests.emulators.sample.metrics import Metrics
from tests.emulators.sample.orgs import Orgs
from tests.emulators.sample.partitions import Packer
from tests.emulators.sample.rates import Rates, clean
from tests.emulators.sample.stream import Source, Stream
from tests.emulators.sample.visits import Visits
from tests.emulators.sample.web_logs import WebLogs
from tests.emulators.sample.world import SourceSummary, World, WorldSummary

FAILED, BAD_ARGUMENTS = 1, 3


def write_to_folder(world: World, folder: Path) -> WorldSummary:
    """Write `folder/{source}/dt=YYYY-MM-DD/*` and `_SUCCESS`; return what was written.

    A partition that is in the folder already is replaced.
    """
    return _write(world, [Folder(folder)])


def write_to_s3(world: World, url: str, *, folder: Path | None = None) -> WorldSummary:
    """Put the partitions under `url` (`s3://bucket/prefix`), and in `folder` if given.

    An object that is there with the same size and ETag is not sent again, and when
    all of a world is there nothing is even made. Other objects of the partitions it
    writes are removed, and each `_SUCCESS` is put last. S3 is reached by boto3's own
    environment and configuration, whose errors are passed on.
    """
    bucket = Bucket(url)
    if folder is None:
        told = bucket.told(world)
        if told is not None:
            return told
        return _write(world, [bucket])
    return _write(world, [Folder(folder), bucket])


def sources(world: World, company: Company) -> list[Source]:
    """Return the four sources of a world, in the order in which they are written."""
    adoption = Adoption(world)
    visits = Visits(world, company, adoption)
    return [
        Orgs(world, company),
        Metrics(world, company, adoption),
        AppLogs(world, company, adoption, visits),
        WebLogs(world, visits, robots(world, company)),
    ]


def main(arguments: list[str]) -> int:
    """Write the world that the command line asks for; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.out is None and options.s3 is None:
        parser.error("say where to: --out DIR, --s3 URL, or both")
    try:
        world = World(
            orgs=options.orgs,
            days=options.days,
            until=options.until,
            seed=options.seed,
            scale=options.scale,
            rates=clean() if options.clean else Rates(),
        )
        if options.s3 is None:
            summary = write_to_folder(world, options.out)
        else:
            summary = write_to_s3(world, options.s3, folder=options.out)
    except ValueError as error:
        parser.error(str(error))
    except (BotoCoreError, ClientError) as error:
        print(f"{options.s3} was not written: {error}", file=sys.stderr)
        return FAILED
    if options.json:
        print(json.dumps({"world": world.told(), "summary": summary.told()}))
    else:
        _show(summary)
    return 0


class _Parser(argparse.ArgumentParser):
    """Exits with 3 when it is given bad arguments, as the whole project does."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(BAD_ARGUMENTS, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m tests.emulators sample",
        description="Write a made-up company's raw partitions, dirty on purpose.",
    )
    whole = World()
    parser.add_argument("--out", type=Path, metavar="DIR", help="write them there")
    parser.add_argument("--s3", metavar="URL", help="put them under s3://bucket/prefix")
    parser.add_argument("--orgs", type=int, default=whole.orgs, help="how many orgs")
    parser.add_argument("--days", type=int, default=whole.days, help="how many nights")
    parser.add_argument(
        "--until", type=date.fromisoformat, default=whole.until, help="the last night"
    )
    parser.add_argument("--seed", type=int, default=whole.seed, help="another company")
    parser.add_argument(
        "--scale", type=int, default=whole.scale, help="times as many log lines"
    )
    parser.add_argument("--clean", action="store_true", help="without any dirt")
    parser.add_argument("--json", action="store_true", help="tell the summary as JSON")
    return parser


def _write(world: World, destinations: list[Destination]) -> WorldSummary:
    company = found_company(world)
    summary = WorldSummary(sources={}, stories=company.stories)
    works = []
    for source in sources(world, company):
        counts = summary.sources[source.name] = SourceSummary()
        works.append(
            (source.name, Stream(world, source, counts), Packer(world, source, counts))
        )
    for day, dt in enumerate(world.dates):
        for name, stream, packer in works:
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


def _show(summary: WorldSummary) -> None:
    table = Table("source", *("partitions", "objects", "lines", "rejects", "dirt"))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, source in summary.sources.items():
        numbers = (source.partitions, source.objects, source.lines, source.rejects)
        dirt = sum(source.dirt.values())
        table.add_row(name, *(f"{number:,}" for number in (*numbers, dirt)))
    Console().print(table)
