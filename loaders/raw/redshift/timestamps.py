"""SQL that converts the usual timestamps to UTC on Redshift; null for all others.

A failed cast fails the whole statement, so a regular expression first admits only dates
that exist. The years 1900 to 2099 stay in range whatever the offset is.
"""

D2 = "[0-9][0-9]"
DAY_OF_EVERY_YEAR = (
    "((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)"
    "|(0[13578]|1[02])-31)"
)
LEAP_YEAR = "((19|20)(0[48]|[2468][048]|[13579][26])|2000)"
DATE = f"((19|20){D2}-{DAY_OF_EVERY_YEAR}|{LEAP_YEAR}-02-29)"
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
OFFSET = "[+-](0[0-9]|1[0-3])"
ISO_UTC = f"^{DATE}([T ]{CLOCK}([.][0-9]+)?Z?)?$"
ISO_WITH_OFFSET = f"^{DATE}[T ]{CLOCK}([.][0-9]+)?{OFFSET}(:?[0-5][0-9])?$"

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun"]
MONTHS += ["Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
LOG_DAY = (
    f"((0[1-9]|1[0-9]|2[0-8])/({'|'.join(MONTHS)})/(19|20){D2}"
    f"|(29|30)/({'|'.join(name for name in MONTHS if name != 'Feb')})/(19|20){D2}"
    f"|31/(Jan|Mar|May|Jul|Aug|Oct|Dec)/(19|20){D2}|29/Feb/{LEAP_YEAR})"
)
LOG_TIMESTAMP = f"{LOG_DAY}:{CLOCK} {OFFSET}[0-5][0-9]"


def iso_timestamp(text: str) -> str:
    """Return SQL for a date, or a date and time that is UTC or has an offset."""
    fraction = f"substring(regexp_substr({text}, '[.][0-9]+'), 1, 7)"
    timestamp = (
        f"cast(substring({text}, 1, 10) || ' ' || substring({text}, 12, 8) "
        f"|| {fraction} as timestamp)"
    )
    zone = f"regexp_substr(substring({text}, 20, 64), '[+-][0-9:]+$')"
    return f"""case
        when {text} ~ '{ISO_UTC}' and len({text}) = 10 then cast({text} as timestamp)
        when {text} ~ '{ISO_UTC}' then {timestamp}
        when {text} ~ '{ISO_WITH_OFFSET}'
        then dateadd(minute, -({_offset_minutes(zone)}), {timestamp})
    end"""


def log_timestamp(text: str) -> str:
    """Return SQL for a text that matches `LOG_TIMESTAMP`."""
    month_numbers = ", ".join(
        f"'{name}', '{number:02}'" for number, name in enumerate(MONTHS, start=1)
    )
    timestamp = (
        f"cast(substring({text}, 8, 4) || '-' "
        f"|| decode(substring({text}, 4, 3), {month_numbers}) || '-' "
        f"|| substring({text}, 1, 2) || ' ' || substring({text}, 13, 8) as timestamp)"
    )
    offset = _offset_minutes(f"substring({text}, 22, 5)")
    return f"dateadd(minute, -({offset}), {timestamp})"


def _offset_minutes(zone: str) -> str:
    """Return SQL for the minutes of `+hh`, `+hhmm` or `+hh:mm`."""
    digits = f"rpad(replace(substring({zone}, 2, 5), ':', ''), 4, '0')"
    return (
        f"case substring({zone}, 1, 1) when '-' then -1 else 1 end * "
        f"(cast(substring({digits}, 1, 2) as integer) * 60 "
        f"+ cast(substring({digits}, 3, 2) as integer))"
    )
