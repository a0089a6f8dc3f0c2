"""SQL that turns texts into timestamps on a cluster, which has no cast that gives null.

Every part is looked at before it is cast, so that no statement fails on a bad value:
months have their days, and what is no moment is null. Patterns hold no backslash, whose
meaning inside quotes is not the same everywhere.
"""

WHITE = " \t\f"
D2 = "[0-9][0-9]"
D4 = D2 + D2
CLOCK = f":?{D2}(:?{D2}([.,][0-9]+)?)?"
ZONE = f"([Zz]|[+-]{D2}(:?{D2})?)"
ISO = f"^[{WHITE}]*{D4}-?{D2}-?{D2}([Tt ]{D2}({CLOCK})?[{WHITE}]*{ZONE}?)?[{WHITE}]*$"
PLAIN_ISO = f"^{D4}-{D2}-{D2}[T ]{D2}:{D2}:{D2}([.][0-9]+)?Z?$"
LOG_TIME = (
    f"^ *[0-9]?[0-9]/[A-Za-z][A-Za-z][A-Za-z]/{D4}:[0-9]?[0-9]:[0-9]?[0-9]:[0-9]?[0-9] "
    f"+[+-]{D2}(:?{D2})? *$"
)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun"]
MONTHS += ["jul", "aug", "sep", "oct", "nov", "dec"]


def from_iso(text: str) -> str:
    """Return SQL for a text in any ISO 8601 form; without a zone it is UTC."""
    return f"""case
        when {text} ~ '{PLAIN_ISO}' then {_plain(text)}
        when {text} ~ '{ISO}' then {_any_iso(f"btrim({text}, '{WHITE}')")}
    end"""


def from_log(text: str) -> str:
    """Return SQL for a text like `24/Nov/2026:13:55:36 +0100`."""
    day = f"split_part(split_part({text}, ':', 1), '/', {{}})"
    clock = f"lpad(split_part(split_part(btrim({text}), ' ', 1), ':', {{}}), 2, '0')"
    zone = f"btrim(substring(btrim({text}), position(' ' in btrim({text}))))"
    names = ", ".join(
        f"'{name}', '{number:02}'" for number, name in enumerate(MONTHS, start=1)
    )
    return f"""case
        when {text} ~ '{LOG_TIME}' then {
        _moment(
            day.format(3),
            f"decode(lower({day.format(2)}), {names}, '00')",
            f"lpad(btrim({day.format(1)}), 2, '0')",
            clock=f"{clock.format(2)} || {clock.format(3)} || {clock.format(4)}",
            fraction="",
            zone=zone,
        )
    }
    end"""


def _plain(text: str) -> str:
    return _moment(
        f"substring({text}, 1, 4)",
        f"substring({text}, 6, 2)",
        f"substring({text}, 9, 2)",
        clock=f"replace(substring({text}, 12, 8), ':', '')",
        fraction=f"rtrim(substring({text}, 21), 'Z')",
        zone="",
    )


def _any_iso(text: str) -> str:
    day = f"regexp_substr({text}, '^{D4}-?{D2}-?{D2}')"
    digits = f"replace({day}, '-', '')"
    rest = f"substring({text}, len({day}) + 1)"
    clock = f"replace(regexp_substr({rest}, '^[Tt ][0-9:]+'), ':', '')"
    return _moment(
        f"substring({digits}, 1, 4)",
        f"substring({digits}, 5, 2)",
        f"substring({digits}, 7, 2)",
        clock=f"rpad(substring({clock}, 2), 6, '0')",
        fraction=f"substring(regexp_substr({rest}, '[.,][0-9]+'), 2)",
        zone=f"regexp_substr({rest}, '{ZONE}$')",
    )


def _moment(
    year: str, month: str, day: str, *, clock: str, fraction: str, zone: str
) -> str:
    """Return SQL for the moment in UTC; null when there is no such day or time.

    The parts are SQL for digits: four, two, two, and six of `clock`; `fraction` may be
    '', `zone` too, `Z`, or a sign with hours and perhaps minutes.
    """
    # 24:00 is the end of the day in ISO 8601, and the only time with that hour.
    is_end = f"rtrim({fraction}, '0') = ''" if fraction else "false"
    return f"""case
            when {year} > '0000'
                and {month} between '01' and '12'
                and {day} between '01' and {_last_day(year, month)}
                and ({clock} < '240000' or ({clock} = '240000' and {is_end}))
                and substring({clock}, 3, 2) < '60'
                and substring({clock}, 5, 2) < '60'
            then dateadd(
                second, {_seconds(clock)} - {_offset(zone)},
                cast(
                    {year} || '-' || {month} || '-' || {day} || ' 00:00:00.'
                    || substring({fraction or "''"} || '000000', 1, 6) as timestamp
                )
            )
        end"""


def _seconds(clock: str) -> str:
    return (
        f"cast(substring({clock}, 1, 2) as integer) * 3600 "
        f"+ cast(substring({clock}, 3, 2) as integer) * 60 "
        f"+ cast(substring({clock}, 5, 2) as integer)"
    )


def _last_day(year: str, month: str) -> str:
    leap = f"""mod(cast({year} as integer), 4) = 0 and (
                    mod(cast({year} as integer), 100) != 0
                    or mod(cast({year} as integer), 400) = 0
                )"""
    return f"""case
                    when {month} in ('04', '06', '09', '11') then '30'
                    when {month} != '02' then '31'
                    when {leap} then '29'
                    else '28'
                end"""


def _offset(zone: str) -> str:
    """Return SQL for the seconds that a zone is ahead of UTC."""
    if not zone:
        return "0"
    digits = f"rpad(replace(substring({zone}, 2), ':', ''), 4, '0')"
    return f"""case substring({zone}, 1, 1) when '-' then -60 else 60 end * (
                    cast(substring({digits}, 1, 2) as integer) * 60
                    + cast(substring({digits}, 3, 2) as integer)
                )"""
