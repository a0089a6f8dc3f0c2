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
