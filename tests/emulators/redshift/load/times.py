"""Dates and times as COPY reads them: plain, `auto`, epochs, formats of one's own."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from tests.emulators.redshift.load.copy_options import CopyOptions
from tests.emulators.redshift.load.rejects import BadValue

EPOCH = datetime(1970, 1, 1)
EPOCHS = {"epochsecs": 1, "epochmillisecs": 1000}
PLAIN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
PLAIN_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?")
ZONE = r"(?P<zone> ?(?:[+-]\d{2}(?::?\d{2})?|Z|UTC|GMT))?"
CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AP]M)?"
AUTO_TIMESTAMP = re.compile(
    rf"(?P<date>.+?)(?:(?:T| +)(?P<clock>{CLOCK}){ZONE})?", re.I
)
AUTO_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y",
    "%d %b %Y", "%d-%b-%Y", "%b %d %Y", "%b-%d-%Y", "%Y %b %d", "%Y-%b-%d",
    "%d %B %Y", "%B %d %Y", "%B %d, %Y",
)  # fmt: skip
# Redshift's words of a format, the longer before the shorter, and Python's.
FORMAT_WORDS = {
    "YYYY": "%Y", "YY": "%y", "MONTH": "%B", "MON": "%b", "MM": "%m", "DD": "%d",
    "HH24": "%H", "HH12": "%I", "HH": "%I", "MI": "%M", "SS": "%S", "AM": "%p",
    "PM": "%p", "US": "%f", "MS": "%f", "OF": "%z",
}  # fmt: skip
_WORD = re.compile("|".join(FORMAT_WORDS), re.IGNORECASE)
NO_DATE = "Invalid Date Format - length must be 10 or more"
NO_TIMESTAMP = "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"


def converter(kind: str, options: CopyOptions) -> Callable[[str], str]:
    """Return the function that reads a value of this type as the COPY says."""
    if kind == "date":
        return _date(
            options.dateformat.strip(), anything="acceptanydate" in options.flags
        )
    if kind == "time":
        return _time
    return _timestamp(kind, options.timeformat.strip())


def _date(wanted: str, *, anything: bool) -> Callable[[str], str]:
    def convert(value: str) -> str:
        text = value.strip()
        try:
            if wanted.lower() == "auto":
                return _any_moment(text)[0].date().isoformat()
            if wanted:
                return datetime.strptime(text, _format(wanted)).date().isoformat()
            if PLAIN_DATE.match(text):
                return date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            pass
        if anything:
            return "\\N"
        raise BadValue(
            1205, NO_DATE if len(text) < 10 else f"Invalid date: {text[:30]}"
        )

    return convert


def _time(value: str) -> str:
    text = value.strip()
    if re.fullmatch(CLOCK, text, re.IGNORECASE) is None:
        raise BadValue(1206, "Invalid time format or value [HH24:MI:SS]")
    return text


def _timestamp(kind: str, wanted: str) -> Callable[[str], str]:
    name = wanted.lower()

    def convert(value: str) -> str:
        text = value.strip()
        try:
            if name in EPOCHS:
                moment, zone = (
                    EPOCH + timedelta(seconds=float(text) / EPOCHS[name]),
                    UTC,
                )
            elif name == "auto":
                moment, zone = _any_moment(text)
            elif wanted:
                moment = datetime.strptime(text, _format(wanted))
                zone, moment = moment.tzinfo, moment.replace(tzinfo=None)
            elif PLAIN_DATE.fullmatch(text) or PLAIN_TIMESTAMP.match(text):
                moment, zone = _any_moment(text)
            else:
                raise ValueError(text)
        except (ValueError, OverflowError):
            raise BadValue(1206, NO_TIMESTAMP) from None
        if zone is not None:
            moment = moment.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat(" ") + ("+00" if kind == "timestamptz" else "")

    return convert


def _any_moment(text: str) -> tuple[datetime, tzinfo | None]:
    """Read a moment in one of the forms that `auto` knows; ValueError for another."""
    if PLAIN_DATE.match(text):
        try:  # the common forms, and much faster
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return moment.replace(tzinfo=None), moment.tzinfo
    match = AUTO_TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day = _any_date(match["date"])
    clock = match["clock"]
    if clock is None:
        return datetime(day.year, day.month, day.day), None
    return datetime.combine(day, _clock(clock)), _zone(match["zone"])


def _any_date(text: str) -> date:
    for form in AUTO_DATES:
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    raise ValueError(text)


def _clock(text: str) -> time:
    half = re.search(r" ?([AP]M)$", text, re.IGNORECASE)
    plain = text[: half.start()] if half else text
    hours, minutes, *rest = plain.split(":")
    seconds, _, fraction = (rest[0] if rest else "0").partition(".")
    hour = int(hours)
    if half:
        hour = hour % 12 + (12 if half.group(1).upper() == "PM" else 0)
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return EPOCH.replace(
        hour=hour, minute=int(minutes), second=int(seconds), microsecond=micros
    ).time()


def _zone(text: str | None) -> timezone | None:
    if not text or not text.strip():
        return None
    plain = text.strip()
    if plain.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = plain[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-offset if plain[0] == "-" else offset)


def _format(wanted: str) -> str:
    return _WORD.sub(
        lambda match: FORMAT_WORDS[match.group().upper()], wanted.replace("%", "%%")
    )
