"""What is usual for a weekday: the median of the same weekday in the weeks before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

from loaders import ledger
from loaders.warehouse import Connection

WEEKS = 4
NUMBER_WORDS = {2: "two", 3: "three", 4: "four"}
# Outside of these multiples of the median a number is unusual, unless it differs by
# less than the given number of records.
LOW_RATIO, HIGH_RATIO = 0.5, 2.0
MIN_RECORDS_DIFFERENCE = 100
MIN_REJECTS_DIFFERENCE = 5
USUAL, FEWER, MORE, UNKNOWN = "as usual", "fewer than usual", "more than usual", ""


@dataclass(frozen=True)
class Baseline:
    """The median records and rejects of each source on one weekday.

    `weeks` is the number of days with loads among the last `WEEKS` of them.
    """

    data_date: date
    weeks: int = 0
    records: Mapping[str, float] = field(default_factory=dict)
    rejects: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What is usual, such as `median of the last four Tuesdays`."""
        weekday = f"{self.data_date:%A}"
        if self.weeks == 0:
            return f"no earlier {weekday}"
        if self.weeks == 1:
            return f"{weekday} before"
        return f"median of the last {NUMBER_WORDS[self.weeks]} {weekday}s"

    @property
    def sentence(self) -> str:
        """What `as usual` means."""
        if self.weeks == 0:
            return f"There is no earlier {self.data_date:%A} to compare with."
        return f"Usual is the {self.label}."

    def ratio(self, source: str, records: int) -> float | None:
        """Return the records as a multiple of the median; None without one."""
        usual = self.records.get(source)
        return records / usual if usual else None

    def records_word(self, source: str, records: int) -> str:
        """Return whether the number of records is usual; '' if it is not known."""
        return _word(records, self.records.get(source), MIN_RECORDS_DIFFERENCE)

    def rejects_word(self, source: str, rejects: int) -> str:
        """Return whether the number of rejects is usual; '' if it is not known."""
        return _word(rejects, self.rejects.get(source), MIN_REJECTS_DIFFERENCE)


def read_baseline(connection: Connection, data_date: date) -> Baseline:
    """Read the latest loads of the same weekday in the weeks before the data date."""
    days = [data_date - timedelta(weeks=number + 1) for number in range(WEEKS)]
    rows = connection.fetch_all(
        "-- reports.morning.baseline loads\n"
        "select source, dt, lines, rejects from ("
        "select source, dt, lines, rejects, row_number() over ("
        "partition by source, dt order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} "
        f"where dt in ({', '.join('?' for _ in days)}) and status != ?) as loads "
        "where recency = 1",
        [*days, ledger.RERUN],
    )
    sources = sorted({source for source, *_ in rows})
    return Baseline(
        data_date,
        weeks=len({day for _, day, *_ in rows}),
        records={
            name: float(median(int(row[2]) for row in rows if row[0] == name))
            for name in sources
        },
        rejects={
            name: float(median(int(row[3]) for row in rows if row[0] == name))
            for name in sources
        },
    )


def _word(number: int, usual: float | None, min_difference: int) -> str:
    if usual is None:
        return UNKNOWN
    if abs(number - usual) < min_difference:
        return USUAL
    if number < LOW_RATIO * usual:
        return FEWER
    return MORE if number > HIGH_RATIO * usual else USUAL
