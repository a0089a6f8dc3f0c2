-- ABSTIME, times of day, access lists and the names of types.

-- ABSTIME holds seconds since 1970 in four bytes.
create type pg_catalog.abstime;
create function pg_internal.abstime_in(cstring) returns pg_catalog.abstime
    language internal immutable strict as 'int4in';
create function pg_internal.abstime_out(pg_catalog.abstime) returns cstring
    language internal immutable strict as 'int4out';
create function pg_internal.abstime_recv(internal) returns pg_catalog.abstime
    language internal immutable strict as 'int4recv';
create function pg_internal.abstime_send(pg_catalog.abstime) returns bytea
    language internal immutable strict as 'int4send';
create type pg_catalog.abstime (
    input = pg_internal.abstime_in,
    output = pg_internal.abstime_out,
    receive = pg_internal.abstime_recv,
    send = pg_internal.abstime_send,
    like = pg_catalog.int4
);
create cast (integer as pg_catalog.abstime) without function;
create cast (pg_catalog.abstime as integer) without function;
create function pg_internal.to_abstime(varchar) returns pg_catalog.abstime
    language sql stable strict as
$$
    select case lower($1)
        when 'infinity' then 2147483644
        when '-infinity' then -2147483648
        else extract(epoch from $1::timestamptz)::integer
    end::abstime
$$;
create cast (varchar as pg_catalog.abstime)
    with function pg_internal.to_abstime(varchar);
create function pg_internal.abstime_to_timestamp(pg_catalog.abstime)
    returns timestamptz language sql immutable strict as
$$ select to_timestamp($1::integer) $$;
create cast (pg_catalog.abstime as timestamptz)
    with function pg_internal.abstime_to_timestamp(pg_catalog.abstime);

-- 24:00 is midnight. TIMETZ holds the time in UTC.
create function pg_internal.time_of_day(time, integer) returns time
    language sql immutable strict as
$$ select pg_catalog."time"(time '00:00' + ($1 - time '00:00'), $2) $$;
create function pg_internal.time_of_day(timetz, integer) returns timetz
    language sql immutable strict as
$$ select pg_catalog.timetz($1 at time zone 'UTC', $2) $$;
update pg_cast set castfunc = 'pg_internal.time_of_day(time, integer)'::regprocedure
where castsource = 'time'::regtype and casttarget = castsource;
update pg_cast set castfunc = 'pg_internal.time_of_day(timetz, integer)'::regprocedure
where castsource = 'timetz'::regtype and casttarget = castsource;

-- Clients request access lists in binary format, which PostgreSQL does not have.
create function pg_internal.aclitem_send(aclitem) returns bytea
    language sql immutable strict as $$ select convert_to($1::text, 'UTF8') $$;
update pg_type set typsend = 'pg_internal.aclitem_send'
where oid = 'aclitem'::regtype;

-- Returns the name of a type as Redshift writes it.
create function pg_internal.type_name(type_id oid, modifier integer) returns text
    language sql stable as
$$
    select case format_type(type_id, null)
        when 'varbyte' then format(
            'binary varying(%s)', case when modifier > 4 then modifier - 4 else 64000 end
        )
        when 'time without time zone' then 'time without time zone'
        when 'time with time zone' then 'time with time zone'
        when 'interval' then case
            when modifier >= 0 and (modifier >> 16) & 32767 & ~6 = 0
                then 'interval year to month'
            when modifier >= 0 and (modifier >> 16) & 32767 <> 32767
                then 'interval day to second'
            else 'interval'
        end
        else format_type(type_id, modifier)
    end
$$;
