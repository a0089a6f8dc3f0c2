-- VARBYTE, GEOMETRY, GEOGRAPHY, ABSTIME, times of day, and types on the wire.

-- VARBYTE has PostgreSQL's representation of bytea. A string literal stands for its
-- UTF-8 bytes. The relay sends a value to clients as Redshift does, in hexadecimal.
create type pg_catalog.varbyte;
create function pg_internal.varbyte_in(cstring) returns pg_catalog.varbyte
    language internal immutable strict as 'textin';
create function pg_internal.varbyte_out(pg_catalog.varbyte) returns cstring
    language internal immutable strict as 'byteaout';
create function pg_internal.varbyte_recv(internal) returns pg_catalog.varbyte
    language internal immutable strict as 'bytearecv';
create function pg_internal.varbyte_send(pg_catalog.varbyte) returns bytea
    language internal immutable strict as 'byteasend';
create type pg_catalog.varbyte (
    input = pg_internal.varbyte_in,
    output = pg_internal.varbyte_out,
    receive = pg_internal.varbyte_recv,
    send = pg_internal.varbyte_send,
    typmod_in = varchartypmodin,
    typmod_out = varchartypmodout,
    like = pg_catalog.bytea
);
create cast (pg_catalog.varbyte as bytea) without function as implicit;
create cast (bytea as pg_catalog.varbyte) without function as assignment;
create function pg_internal.to_varbyte(text) returns pg_catalog.varbyte
    language sql immutable strict as $$ select convert_to($1, 'UTF8')::varbyte $$;
create function pg_internal.to_varbyte(varchar) returns pg_catalog.varbyte
    language sql immutable strict as $$ select convert_to($1, 'UTF8')::varbyte $$;
create function pg_internal.to_varbyte(bpchar) returns pg_catalog.varbyte
    language sql immutable strict as $$ select convert_to($1, 'UTF8')::varbyte $$;
create function pg_internal.to_varbyte(smallint) returns pg_catalog.varbyte
    language sql immutable strict as $$ select int2send($1)::varbyte $$;
create function pg_internal.to_varbyte(integer) returns pg_catalog.varbyte
    language sql immutable strict as $$ select int4send($1)::varbyte $$;
create function pg_internal.to_varbyte(bigint) returns pg_catalog.varbyte
    language sql immutable strict as $$ select int8send($1)::varbyte $$;
create cast (text as pg_catalog.varbyte)
    with function pg_internal.to_varbyte(text) as assignment;
create cast (varchar as pg_catalog.varbyte)
    with function pg_internal.to_varbyte(varchar) as assignment;
create cast (bpchar as pg_catalog.varbyte)
    with function pg_internal.to_varbyte(bpchar) as assignment;
create cast (smallint as pg_catalog.varbyte)
    with function pg_internal.to_varbyte(smallint);
create cast (integer as pg_catalog.varbyte)
    with function pg_internal.to_varbyte(integer);
create cast (bigint as pg_catalog.varbyte)
    with function pg_internal.to_varbyte(bigint);
create function pg_internal.varbyte_to_text(pg_catalog.varbyte) returns varchar
    language sql immutable strict as $$ select convert_from($1, 'UTF8') $$;
create cast (pg_catalog.varbyte as varchar)
    with function pg_internal.varbyte_to_text(pg_catalog.varbyte);
create cast (pg_catalog.varbyte as text)
    with function pg_internal.varbyte_to_text(pg_catalog.varbyte);
create function pg_internal.varbyte_in_bytes(pg_catalog.varbyte, integer, boolean)
    returns pg_catalog.varbyte language plpgsql immutable strict as
$$
begin
    if $2 < 5 or octet_length($1) <= $2 - 4 then
        return $1;
    elsif $3 then
        return substring($1::bytea, 1, $2 - 4)::varbyte;
    end if;
    raise exception 'value too long for type varbyte(%)', $2 - 4
        using errcode = '22001';
end
$$;
create cast (pg_catalog.varbyte as pg_catalog.varbyte)
    with function pg_internal.varbyte_in_bytes(pg_catalog.varbyte, integer, boolean)
    as implicit;

-- The formats are hex, binary, base64 and utf-8.
create function pg_internal.check_format(text) returns text
    language plpgsql immutable strict as
$$
begin
    if lower($1) not in ('hex', 'binary', 'base64', 'utf-8', 'utf8') then
        raise exception 'invalid format "%": it must be hex, binary, base64 or utf-8',
            $1 using errcode = '22023';
    end if;
    return replace(lower($1), '-', '');
end
$$;
create function pg_catalog.to_varbyte(text, text) returns pg_catalog.varbyte
    language plpgsql immutable strict as
$$
declare
    bits text := pg_catalog.regexp_replace($1, '^0[bB]', '');
begin
    case pg_internal.check_format($2)
        when 'hex' then
            return decode(pg_catalog.regexp_replace($1, '^0[xX]', ''), 'hex')::varbyte;
        when 'base64' then
            return decode($1, 'base64')::varbyte;
        when 'utf8' then
            return convert_to($1, 'UTF8')::varbyte;
        else
            if bits !~ '^[01]*$' or char_length(bits) % 8 > 0 then
                raise exception 'invalid binary value "%"', $1 using errcode = '22023';
            end if;
            return coalesce((
                select string_agg(
                    set_byte(decode('00', 'hex'), 0, substr(bits, start, 8)::bit(8)::integer),
                    '' order by start
                )
                from generate_series(1, char_length(bits), 8) as start
            ), '')::varbyte;
    end case;
end
$$;
create function pg_catalog.from_varbyte(pg_catalog.varbyte, text) returns varchar
    language plpgsql immutable strict as
$$
begin
    case pg_internal.check_format($2)
        when 'hex' then return encode($1, 'hex');
        when 'base64' then return translate(encode($1, 'base64'), E'\n', '');
        when 'utf8' then return convert_from($1, 'UTF8');
        else
            return coalesce((
                select string_agg(
                    get_byte($1, position)::bit(8)::text, '' order by position
                )
                from generate_series(0, octet_length($1) - 1) as position
            ), '');
    end case;
end
$$;
create function pg_catalog.from_hex(text) returns pg_catalog.varbyte
    language sql immutable strict as $$ select pg_catalog.to_varbyte($1, 'hex') $$;
create function pg_catalog.to_hex(pg_catalog.varbyte) returns varchar
    language sql immutable strict as $$ select encode($1, 'hex') $$;
create function pg_catalog.to_hex(text) returns varchar
    language sql immutable strict as $$ select encode(convert_to($1, 'UTF8'), 'hex') $$;
create function pg_catalog.len(pg_catalog.varbyte) returns integer
    language sql immutable strict as $$ select octet_length($1) $$;
create function pg_catalog.length(pg_catalog.varbyte) returns integer
    language sql immutable strict as $$ select octet_length($1) $$;
create function pg_catalog.substring(pg_catalog.varbyte, integer)
    returns pg_catalog.varbyte language sql immutable strict as
$$ select substring($1::bytea, $2)::varbyte $$;
create function pg_catalog.substring(pg_catalog.varbyte, integer, integer)
    returns pg_catalog.varbyte language sql immutable strict as
$$ select substring($1::bytea, $2, $3)::varbyte $$;
create function pg_catalog.substr(pg_catalog.varbyte, integer)
    returns pg_catalog.varbyte language sql immutable strict as
$$ select substring($1::bytea, $2)::varbyte $$;
create function pg_catalog.substr(pg_catalog.varbyte, integer, integer)
    returns pg_catalog.varbyte language sql immutable strict as
$$ select substring($1::bytea, $2, $3)::varbyte $$;
create function pg_catalog.getbit(pg_catalog.varbyte, integer) returns integer
    language sql immutable strict as $$ select get_bit($1, $2::bigint) $$;
create function pg_internal.concatenated(pg_catalog.varbyte, pg_catalog.varbyte)
    returns pg_catalog.varbyte language sql immutable strict as
$$ select ($1::bytea || $2::bytea)::varbyte $$;
create operator pg_catalog.|| (
    leftarg = pg_catalog.varbyte, rightarg = pg_catalog.varbyte,
    function = pg_internal.concatenated
);
create function pg_internal.concat(pg_catalog.varbyte, pg_catalog.varbyte)
    returns pg_catalog.varbyte language sql immutable strict as
$$ select $1 || $2 $$;
create function pg_internal.larger(pg_catalog.varbyte, pg_catalog.varbyte)
    returns pg_catalog.varbyte language sql immutable strict as
$$ select case when $1::bytea >= $2::bytea then $1 else $2 end $$;
create function pg_internal.smaller(pg_catalog.varbyte, pg_catalog.varbyte)
    returns pg_catalog.varbyte language sql immutable strict as
$$ select case when $1::bytea <= $2::bytea then $1 else $2 end $$;
create aggregate pg_catalog.max(pg_catalog.varbyte) (
    sfunc = pg_internal.larger, stype = pg_catalog.varbyte
);
create aggregate pg_catalog.min(pg_catalog.varbyte) (
    sfunc = pg_internal.smaller, stype = pg_catalog.varbyte
);

-- GEOMETRY and GEOGRAPHY hold EWKB in hexadecimal. Its numbers are little-endian.
do $do$
declare
    kind text;
begin
    foreach kind in array array['geometry', 'geography'] loop
        execute format('create type pg_catalog.%I', kind);
        execute format(
            'create function pg_internal.%s_in(cstring) returns pg_catalog.%s'
            ' language internal immutable strict as ''textin''', kind, kind
        );
        execute format(
            'create function pg_internal.%s_out(pg_catalog.%s) returns cstring'
            ' language internal immutable strict as ''textout''', kind, kind
        );
        execute format(
            'create function pg_internal.%s_send(pg_catalog.%s) returns bytea'
            ' language internal immutable strict as ''textsend''', kind, kind
        );
        execute format(
            'create type pg_catalog.%s (input = pg_internal.%s_in,'
            ' output = pg_internal.%s_out, send = pg_internal.%s_send,'
            ' like = pg_catalog.text, category = ''U'', preferred = false)',
            kind, kind, kind, kind
        );
        execute format('create cast (pg_catalog.%s as text) without function', kind);
        execute format('create cast (text as pg_catalog.%s) without function', kind);
    end loop;
end
$do$;
-- On the wire a binary value is EWKB itself.
create function pg_internal.geography_bytes(pg_catalog.geography) returns bytea
    language sql immutable strict as $$ select decode($1::text, 'hex') $$;
create function pg_internal.geometry_bytes(pg_catalog.geometry) returns bytea
    language sql immutable strict as $$ select decode($1::text, 'hex') $$;
update pg_type set typsend = 'pg_internal.geography_bytes'
where oid = 'geography'::regtype;
update pg_type set typsend = 'pg_internal.geometry_bytes'
where oid = 'geometry'::regtype;

create function pg_internal.wkb_integer(bigint) returns text
    language sql immutable strict as
$$ select encode(reverse(substring(int8send($1), 5)), 'hex') $$;
create function pg_internal.wkb_points(text) returns text
    language sql immutable strict as
$$
    select string_agg(
        encode(reverse(float8send(number::double precision)), 'hex'), ''
        order by position
    )
    from regexp_split_to_table(btrim($1, '() '), E'[\\s,]+') with ordinality
        as numbers (number, position)
$$;
-- Returns the EWKB of a text such as POLYGON((0 0, 0 1, 1 1, 0 0)).
create function pg_internal.wkb(wkt text, srid integer) returns text
    language plpgsql immutable strict as
$$
declare
    kinds text[] := array['POINT', 'LINESTRING', 'POLYGON', 'MULTIPOINT',
        'MULTILINESTRING', 'MULTIPOLYGON'];
    parts text[] := pg_catalog.regexp_match(
        upper(btrim(wkt)), E'^([A-Z]+)\\s*\\((.*)\\)$'
    );
    kind integer := array_position(kinds, parts[1]);
    body text := pg_catalog.regexp_replace(parts[2], E'\\s*([(),])\\s*', E'\\1', 'g');
    items text[];
    result text;
begin
    if kind is null or body !~ '[0-9]' then
        raise exception 'parse error - invalid geometry "%"', left(wkt, 100)
            using errcode = 'XX000';
    end if;
    result := '01' || pg_internal.wkb_integer(
        kind + case when srid <> 0 then 536870912 else 0 end
    ) || case when srid <> 0 then pg_internal.wkb_integer(srid) else '' end;
    if kind = 1 then
        return result || pg_internal.wkb_points(body);
    elsif kind = 2 then
        items := string_to_array(body, ',');
        return result || pg_internal.wkb_integer(cardinality(items))
            || pg_internal.wkb_points(body);
    elsif kind = 3 then
        items := array(
            select match[1]
            from pg_catalog.regexp_matches(body, E'\\(([^()]*)\\)', 'g') as match
        );
        return result || pg_internal.wkb_integer(cardinality(items)) || (
            select string_agg(
                pg_internal.wkb_integer(cardinality(string_to_array(item, ',')))
                || pg_internal.wkb_points(item), '' order by position
            )
            from unnest(items) with ordinality as rings (item, position)
        );
    end if;
    items := case kind
        when 4 then string_to_array(translate(body, '()', ''), ',')
        when 5 then array(
            select match[1]
            from pg_catalog.regexp_matches(body, E'\\(([^()]*)\\)', 'g') as match
        )
        else array(
            select match[1]
            from pg_catalog.regexp_matches(body, E'\\((\\(.*?\\))\\)', 'g') as match
        )
    end;
    return result || pg_internal.wkb_integer(cardinality(items)) || (
        select string_agg(
            pg_internal.wkb(kinds[kind - 3] || '(' || item || ')', 0), ''
            order by position
        )
        from unnest(items) with ordinality as members (item, position)
    );
end
$$;
create function pg_internal.checked_wkb(text, integer) returns text
    language plpgsql immutable strict as
$$
declare
    code text := upper($1);
begin
    if code !~ '^01[0-9A-F]{8,}$' or char_length(code) % 2 > 0 then
        raise exception 'parse error - invalid WKB "%"', left($1, 100)
            using errcode = 'XX000';
    end if;
    if $2 = 0 then
        return code;
    end if;
    return substr(code, 1, 8) || '20' || upper(pg_internal.wkb_integer($2))
        || substr(code, 11);
end
$$;
create function pg_catalog.st_geomfromtext(text, integer default 0)
    returns pg_catalog.geometry language sql immutable strict as
$$ select upper(pg_internal.wkb($1, $2))::geometry $$;
create function pg_catalog.st_geomfromwkb(text, integer default 0)
    returns pg_catalog.geometry language sql immutable strict as
$$ select pg_internal.checked_wkb($1, $2)::geometry $$;
create function pg_catalog.st_geomfromewkb(text) returns pg_catalog.geometry
    language sql immutable strict as
$$ select pg_internal.checked_wkb($1, 0)::geometry $$;
create function pg_catalog.st_geomfromewkt(text) returns pg_catalog.geometry
    language sql immutable strict as
$$
    select upper(pg_internal.wkb(
        pg_catalog.regexp_replace($1, '^srid=[0-9]+;', '', 'i'),
        coalesce(substring(upper($1) from '^SRID=([0-9]+);')::integer, 0)
    ))::geometry
$$;
create function pg_catalog.st_geogfromtext(text) returns pg_catalog.geography
    language sql immutable strict as
$$
    select upper(pg_internal.wkb(
        pg_catalog.regexp_replace($1, '^srid=[0-9]+;', '', 'i'),
        coalesce(substring(upper($1) from '^SRID=([0-9]+);')::integer, 4326)
    ))::geography
$$;
create function pg_catalog.st_geogfromwkb(text) returns pg_catalog.geography
    language sql immutable strict as
$$ select pg_internal.checked_wkb($1, 4326)::geography $$;
create function pg_catalog.st_point(double precision, double precision)
    returns pg_catalog.geometry language sql immutable strict as
$$ select upper(pg_internal.wkb('POINT(' || $1 || ' ' || $2 || ')', 0))::geometry $$;
create function pg_catalog.st_makepoint(double precision, double precision)
    returns pg_catalog.geometry language sql immutable strict as
$$ select pg_catalog.st_point($1, $2) $$;
create function pg_catalog.st_asewkb(pg_catalog.geometry) returns pg_catalog.varbyte
    language sql immutable strict as $$ select decode($1::text, 'hex')::varbyte $$;
create function pg_catalog.st_srid(pg_catalog.geometry) returns integer
    language sql immutable strict as
$$
    select case when get_byte(decode($1::text, 'hex'), 4) & 32 = 0 then 0
        else ('x' || encode(reverse(substring(decode($1::text, 'hex'), 6, 4)), 'hex'))
            ::bit(32)::integer end
$$;

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
