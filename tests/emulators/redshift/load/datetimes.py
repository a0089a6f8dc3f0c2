"""Convert dates and times as COPY does: default format, `auto`, epochs, own formats."""

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
# Format elements of Redshift and their strptime codes, longer elements first.
FORMAT_WORDS = {
    "YYYY": "%Y", "YY": "%y", "MONTH": "%B", "MON": "%b", "MM": "%m", "DD": "%d",
    "HH24": "%H", "HH12": "%I", "HH": "%I", "MI": "%M", "SS": "%S", "AM": "%p",
    "PM": "%p", "US": "%f", "MS": "%f", "OF": "%z",
}  # fmt: skip
_WORD = re.compile("|".join(FORMAT_WORDS), re.IGNORECASE)
NO_DATE = "Invalid Date Format - length must be 10 or more"
NO_TIMESTAMP = "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"


def create_converter(kind: str, options: CopyOptions) -> Callable[[str], str]:
    """Return the function that converts a value of this type.

    It follows the COPY's DATEFORMAT or TIMEFORMAT.
    """
    if kind == "date":
        return _date_converter(
            options.dateformat.strip(),
            accepts_any_date="acceptanydate" in options.flags,
        )
    if kind == "time":
        return _convert_time
    return _timestamp_converter(kind, options.timeformat.strip())


def _date_converter(
    date_format: str, *, accepts_any_date: bool
) -> Callable[[str], str]:
    def convert(value: str) -> str:
        text = value.strip()
        try:
            if date_format.lower() == "auto":
                return _parse_any_timestamp(text)[0].date().isoformat()
            if date_format:
                parsed = datetime.strptime(text, _strptime_format(date_format))
                return parsed.date().isoformat()
            if PLAIN_DATE.match(text):
                return date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            pass
        if accepts_any_date:
            return "\\N"
        raise BadValue(
            1205, NO_DATE if len(text) < 10 else f"Invalid date: {text[:30]}"
        )

    return convert


def _convert_time(value: str) -> str:
    text = value.strip()
    if re.fullmatch(CLOCK, text, re.IGNORECASE) is None:
        raise BadValue(1206, "Invalid time format or value [HH24:MI:SS]")
    return text


def _timestamp_converter(kind: str, time_format: str) -> Callable[[str], str]:
    name = time_format.lower()

    def convert(value: str) -> str:
        text = value.strip()
        try:
            if name in EPOCHS:
                parsed = EPOCH + timedelta(seconds=float(text) / EPOCHS[name])
                zone: tzinfo | None = UTC
            elif name == "auto":
                parsed, zone = _parse_any_timestamp(text)
            elif time_format:
                parsed = datetime.strptime(text, _strptime_format(time_format))
                zone, parsed = parsed.tzinfo, parsed.replace(tzinfo=None)
            elif PLAIN_DATE.fullmatch(text) or PLAIN_TIMESTAMP.match(text):
                parsed, zone = _parse_any_timestamp(text)
            else:
                raise ValueError(text)
        except (ValueError, OverflowError):
            raise BadValue(1206, NO_TIMESTAMP) from None
        if zone is not None:
            parsed = parsed.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        return parsed.isoformat(" ") + ("+00" if kind == "timestamptz" else "")

    return convert


def _parse_any_timestamp(text: str) -> tuple[datetime, tzinfo | None]:
    """Parse a timestamp in a format that `auto` accepts; return it and its time zone.

    Raises ValueError for another format.
    """
    if PLAIN_DATE.match(text):
        try:  # much faster, for the common formats
            parsed = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            return parsed.replace(tzinfo=None), parsed.tzinfo
    match = AUTO_TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day = _parse_any_date(match["date"])
    clock = match["clock"]
    if clock is None:
        return datetime(day.year, day.month, day.day), None
    return datetime.combine(day, _parse_clock(clock)), _parse_zone(match["zone"])


def _parse_any_date(text: str) -> date:
    for date_format in AUTO_DATES:
        try:
            return datetime.strptime(text.strip(), date_format).date()
        except ValueError:
            continue
    raise ValueError(text)


def _parse_clock(text: str) -> time:
    meridiem = re.search(r" ?([AP]M)$", text, re.IGNORECASE)
    plain = text[: meridiem.start()] if meridiem else text
    hours, minutes, *rest = plain.split(":")
    seconds, _, fraction = (rest[0] if rest else "0").partition(".")
    hour = int(hours)
    if meridiem:
        hour = hour % 12 + (12 if meridiem.group(1).upper() == "PM" else 0)
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return EPOCH.replace(
        hour=hour, minute=int(minutes), second=int(seconds), microsecond=micros
    ).time()


def _parse_zone(text: str | None) -> timezone | None:
    if not text or not text.strip():
        return None
    plain = text.strip()
    if plain.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = plain[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-offset if plain[0] == "-" else offset)


def _strptime_format(redshift_format: str) -> str:
    return _WORD.sub(
        lambda match: FORMAT_WORDS[match.group().upper()],
        redshift_format.replace("%", "%%"),
    )
