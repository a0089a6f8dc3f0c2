-- Date functions with Redshift's dateparts. The relay quotes dateparts without quotes.

create function pg_internal.datepart(text) returns text
    language plpgsql immutable strict as
$$
begin
    return case lower($1)
        when 'mil' then 'millennium' when 'mils' then 'millennium'
        when 'millennia' then 'millennium' when 'millennium' then 'millennium'
        when 'c' then 'century' when 'cent' then 'century' when 'cents' then 'century'
        when 'centuries' then 'century' when 'century' then 'century'
        when 'dec' then 'decade' when 'decs' then 'decade' when 'decade' then 'decade'
        when 'decades' then 'decade'
        when 'y' then 'year' when 'yr' then 'year' when 'yrs' then 'year'
        when 'year' then 'year' when 'years' then 'year'
        when 'qtr' then 'quarter' when 'qtrs' then 'quarter'
        when 'quarter' then 'quarter' when 'quarters' then 'quarter'
        when 'mon' then 'month' when 'mons' then 'month' when 'month' then 'month'
        when 'months' then 'month'
        when 'w' then 'week' when 'week' then 'week' when 'weeks' then 'week'
        when 'd' then 'day' when 'day' then 'day' when 'days' then 'day'
        when 'h' then 'hour' when 'hr' then 'hour' when 'hrs' then 'hour'
        when 'hour' then 'hour' when 'hours' then 'hour'
        when 'm' then 'minute' when 'min' then 'minute' when 'mins' then 'minute'
        when 'minute' then 'minute' when 'minutes' then 'minute'
        when 's' then 'second' when 'sec' then 'second' when 'secs' then 'second'
        when 'second' then 'second' when 'seconds' then 'second'
        when 'ms' then 'millisecond' when 'msec' then 'millisecond'
        when 'msecs' then 'millisecond' when 'msecond' then 'millisecond'
        when 'mseconds' then 'millisecond' when 'millisec' then 'millisecond'
        when 'millisecs' then 'millisecond' when 'millisecon' then 'millisecond'
        when 'millisecond' then 'millisecond' when 'milliseconds' then 'millisecond'
        when 'microsec' then 'microsecond' when 'microsecs' then 'microsecond'
        when 'microsecond' then 'microsecond' when 'microseconds' then 'microsecond'
        when 'us' then 'microsecond' when 'usec' then 'microsecond'
        when 'dw' then 'dow' when 'dayofweek' then 'dow' when 'weekday' then 'dow'
        when 'dow' then 'dow'
        when 'dy' then 'doy' when 'dayofyear' then 'doy' when 'yearday' then 'doy'
        when 'doy' then 'doy'
        when 'epoch' then 'epoch' when 'timezone' then 'timezone'
        when 'timezone_hour' then 'timezone_hour'
        when 'timezone_minute' then 'timezone_minute'
    end;
end
$$;

create function pg_internal.to_interval(text, bigint) returns interval
    language plpgsql immutable strict as
$$
begin
    case pg_internal.datepart($1)
        when 'millennium' then return make_interval(years => ($2 * 1000)::integer);
        when 'century' then return make_interval(years => ($2 * 100)::integer);
        when 'decade' then return make_interval(years => ($2 * 10)::integer);
        when 'year' then return make_interval(years => $2::integer);
        when 'quarter' then return make_interval(months => ($2 * 3)::integer);
        when 'month' then return make_interval(months => $2::integer);
        when 'week' then return make_interval(days => ($2 * 7)::integer);
        when 'day' then return make_interval(days => $2::integer);
        when 'hour' then return $2 * interval '1 hour';
        when 'minute' then return $2 * interval '1 minute';
        when 'second' then return $2 * interval '1 second';
        when 'millisecond' then return $2 * interval '1 millisecond';
        when 'microsecond' then return $2 * interval '1 microsecond';
        else raise exception 'Invalid date part - %', $1 using errcode = '22023';
    end case;
end
$$;

-- DATEADD on a date or timestamp returns a timestamp.
create function pg_internal.dateadd(text, bigint, timestamp) returns timestamp
    language sql immutable strict as $$ select $3 + pg_internal.to_interval($1, $2) $$;
create function pg_internal.dateadd(text, bigint, date) returns timestamp
    language sql immutable strict as
$$ select $3::timestamp + pg_internal.to_interval($1, $2) $$;
create function pg_internal.dateadd(text, bigint, timestamptz) returns timestamptz
    language sql stable strict as $$ select $3 + pg_internal.to_interval($1, $2) $$;
create function pg_internal.dateadd(text, bigint, time) returns time
    language sql immutable strict as $$ select $3 + pg_internal.to_interval($1, $2) $$;

-- DATEDIFF counts the datepart boundaries that are crossed.
create function pg_internal.datediff(text, timestamp, timestamp) returns bigint
    language plpgsql immutable strict as
$$
declare
    years bigint := extract(year from $3)::bigint - extract(year from $2)::bigint;
    days bigint := $3::date - $2::date;
begin
    case pg_internal.datepart($1)
        when 'millennium' then
            return extract(millennium from $3)::bigint
                - extract(millennium from $2)::bigint;
        when 'century' then
            return extract(century from $3)::bigint - extract(century from $2)::bigint;
        when 'decade' then
            return extract(decade from $3)::bigint - extract(decade from $2)::bigint;
        when 'year' then return years;
        when 'quarter' then
            return years * 4 + extract(quarter from $3)::bigint
                - extract(quarter from $2)::bigint;
        when 'month' then
            return years * 12 + extract(month from $3)::bigint
                - extract(month from $2)::bigint;
        -- Weeks begin on Sunday; 2 January 2000 was one.
        when 'week' then
            return floor(($3::date - date '2000-01-02') / 7.0)::bigint
                - floor(($2::date - date '2000-01-02') / 7.0)::bigint;
        when 'day' then return days;
        when 'hour' then
            return days * 24 + extract(hour from $3)::bigint
                - extract(hour from $2)::bigint;
        when 'minute' then
            return extract(epoch from
                date_trunc('minute', $3) - date_trunc('minute', $2))::bigint / 60;
        when 'second' then
            return extract(epoch from
                date_trunc('second', $3) - date_trunc('second', $2))::bigint;
        when 'millisecond' then
            return (extract(epoch from date_trunc('milliseconds', $3)
                - date_trunc('milliseconds', $2)) * 1000)::bigint;
        when 'microsecond' then
            return (extract(epoch from $3 - $2) * 1000000)::bigint;
        else raise exception 'Invalid date part - %', $1 using errcode = '22023';
    end case;
end
$$;
create function pg_internal.datediff(text, date, date) returns bigint
    language sql immutable strict as
$$ select pg_internal.datediff($1, $2::timestamp, $3::timestamp) $$;
create function pg_internal.datediff(text, timestamptz, timestamptz) returns bigint
    language sql immutable strict as
$$
    select pg_internal.datediff($1, $2 at time zone 'UTC', $3 at time zone 'UTC')
$$;
create function pg_internal.datediff(text, date, timestamp) returns bigint
    language sql immutable strict as
$$ select pg_internal.datediff($1, $2::timestamp, $3) $$;
create function pg_internal.datediff(text, timestamp, date) returns bigint
    language sql immutable strict as
$$ select pg_internal.datediff($1, $2, $3::timestamp) $$;
create function pg_internal.datediff(text, time, time) returns bigint
    language sql immutable strict as
$$ select pg_internal.datediff($1, date '2000-01-01' + $2, date '2000-01-01' + $3) $$;

create function pg_internal.date_part(text, timestamp) returns double precision
    language sql immutable strict as
$$ select pg_catalog.date_part(pg_internal.datepart($1), $2) $$;
create function pg_internal.date_part(text, date) returns double precision
    language sql immutable strict as
$$ select pg_catalog.date_part(pg_internal.datepart($1), $2::timestamp) $$;
create function pg_internal.date_part(text, timestamptz) returns double precision
    language sql stable strict as
$$ select pg_catalog.date_part(pg_internal.datepart($1), $2) $$;
create function pg_internal.date_part(text, interval) returns double precision
    language sql immutable strict as
$$ select pg_catalog.date_part(pg_internal.datepart($1), $2) $$;

-- EXTRACT returns an integer; the relay uses date_part for an epoch.
create function pg_internal."extract"(text, timestamp) returns integer
    language sql immutable strict as
$$ select floor(pg_internal.date_part($1, $2))::integer $$;
create function pg_internal."extract"(text, date) returns integer
    language sql immutable strict as
$$ select floor(pg_internal.date_part($1, $2))::integer $$;
create function pg_internal."extract"(text, timestamptz) returns integer
    language sql stable strict as
$$ select floor(pg_internal.date_part($1, $2))::integer $$;
create function pg_internal."extract"(text, interval) returns integer
    language sql immutable strict as
$$ select floor(pg_internal.date_part($1, $2))::integer $$;

-- DATE_TRUNC of a date returns a timestamp without time zone.
create function pg_catalog.date_trunc(text, date) returns timestamp
    language sql immutable strict as
$$ select date_trunc(pg_internal.datepart($1), $2::timestamp) $$;

create function pg_catalog.getdate() returns timestamp
    language sql stable as
$$ select date_trunc('second', statement_timestamp()::timestamp) $$;
create function pg_internal.sysdate() returns timestamp
    language sql stable as $$ select transaction_timestamp()::timestamp $$;
create function pg_catalog.trunc(timestamp) returns date
    language sql immutable strict as $$ select $1::date $$;
create function pg_catalog.last_day(timestamp) returns date
    language sql immutable strict as
$$ select (date_trunc('month', $1) + interval '1 month' - interval '1 day')::date $$;
create function pg_catalog.last_day(date) returns date
    language sql immutable strict as $$ select last_day($1::timestamp) $$;
-- ADD_MONTHS on the last day of a month returns the last day of a month.
create function pg_catalog.add_months(timestamp, bigint) returns timestamp
    language sql immutable strict as
$$
    select case
        when $1::date = last_day($1)
            then last_day($1 + make_interval(months => $2::integer)) + $1::time
        else $1 + make_interval(months => $2::integer)
    end
$$;
create function pg_catalog.add_months(date, bigint) returns timestamp
    language sql immutable strict as $$ select add_months($1::timestamp, $2) $$;
create function pg_catalog.months_between(timestamp, timestamp)
    returns double precision language sql immutable strict as
$$
    select case
        when date_part('day', $1) = date_part('day', $2)
            or ($1::date = last_day($1) and $2::date = last_day($2))
            then pg_internal.datediff('month', $2, $1)
        else pg_internal.datediff('month', $2, $1)
            + (date_part('day', $1) - date_part('day', $2)) / 31.0
    end
$$;
create function pg_catalog.next_day(date, text) returns date
    language plpgsql immutable strict as
$$
declare
    wanted integer := position(lower(left($2, 2)) in 'sumotuwethfrsa');
begin
    if wanted = 0 or wanted % 2 = 0 then
        raise exception 'Invalid day name - %', $2 using errcode = '22023';
    end if;
    return $1 + 1 + (6 + (wanted - 1) / 2 - extract(dow from $1)::integer) % 7;
end
$$;
create function pg_catalog.convert_timezone(text, text, timestamp)
    returns timestamp language sql stable strict as
$$ select $3 at time zone $1 at time zone $2 $$;
create function pg_catalog.convert_timezone(text, timestamp)
    returns timestamp language sql stable strict as
$$ select $2 at time zone 'UTC' at time zone $1 $$;
create function pg_catalog.date_part_year(date) returns integer
    language sql immutable strict as $$ select extract(year from $1)::integer $$;
