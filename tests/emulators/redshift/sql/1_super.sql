-- The SUPER type and its casts.
-- bootstrap.py runs these scripts once in template1, as the superuser, with
-- allow_system_table_mods on.

create schema pg_internal;
grant usage on schema pg_internal to public;

-- SUPER is JSON text without white space and uses PostgreSQL's own functions. The
-- input function always fails for a plain string: Redshift would store it as one JSON
-- string, which is rarely intended. json_parse() or a cast is required instead.
create type pg_catalog.super;
create function pg_internal.super_in(cstring) returns pg_catalog.super
    language internal immutable strict as 'anynonarray_in';
create function pg_internal.super_out(pg_catalog.super) returns cstring
    language internal immutable strict as 'json_out';
create function pg_internal.super_recv(internal) returns pg_catalog.super
    language internal immutable strict as 'json_recv';
create function pg_internal.super_send(pg_catalog.super) returns bytea
    language internal immutable strict as 'json_send';
create type pg_catalog.super (
    input = pg_internal.super_in,
    output = pg_internal.super_out,
    receive = pg_internal.super_recv,
    send = pg_internal.super_send,
    like = pg_catalog.json
);
-- Without an array type, PostgreSQL compares with each element of an IN list by itself,
-- so that the strings in it are not read as SUPER.
update pg_type set typarray = 0 where oid = 'pg_catalog.super'::regtype;
create cast (pg_catalog.super as json) without function;
create cast (json as pg_catalog.super) without function;

create function pg_internal.compact(json) returns pg_catalog.super
    language sql immutable strict as
$$
    select case
        when $1::text ~ E'\\s'
            then regexp_replace($1::text, E'("(?:[^"\\\\]|\\\\.)*")|\\s+', E'\\1', 'g')
        else $1::text
    end::json::super
$$;

-- Returns the text of a scalar, null for a JSON null, an array or an object.
create function pg_internal.super_scalar(pg_catalog.super) returns text
    language sql immutable strict as
$$
    select case
        when json_typeof($1::json) in ('array', 'object') then null
        else $1::json #>> '{}'
    end
$$;

-- An impossible cast from SUPER gives null (cast_super_null_on_error is on). These
-- functions use PL/pgSQL, because the planner evaluates both branches of a CASE on a
-- constant.
create function pg_internal.super_to_text(pg_catalog.super) returns text
    language sql immutable strict as
$$ select pg_internal.super_scalar($1) $$;
create function pg_internal.super_to_numeric(pg_catalog.super) returns numeric
    language plpgsql immutable strict as
$$
declare
    scalar text := pg_internal.super_scalar($1);
begin
    if scalar ~ '[0-9]' and pg_input_is_valid(scalar, 'numeric') then
        return scalar::numeric;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_bigint(pg_catalog.super) returns bigint
    language plpgsql immutable strict as
$$
declare
    number numeric := pg_internal.super_to_numeric($1);
begin
    if number between -9223372036854775808 and 9223372036854775807 then
        return round(number)::bigint;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_integer(pg_catalog.super) returns integer
    language plpgsql immutable strict as
$$
declare
    number bigint := pg_internal.super_to_bigint($1);
begin
    if number between -2147483648 and 2147483647 then
        return number::integer;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_smallint(pg_catalog.super) returns smallint
    language plpgsql immutable strict as
$$
declare
    number bigint := pg_internal.super_to_bigint($1);
begin
    if number between -32768 and 32767 then
        return number::smallint;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_double(pg_catalog.super)
    returns double precision language plpgsql immutable strict as
$$
declare
    scalar text := pg_internal.super_scalar($1);
begin
    if pg_input_is_valid(scalar, 'double precision') then
        return scalar::double precision;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_real(pg_catalog.super) returns real
    language plpgsql immutable strict as
$$
declare
    scalar text := pg_internal.super_scalar($1);
begin
    if pg_input_is_valid(scalar, 'real') then
        return scalar::real;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_boolean(pg_catalog.super) returns boolean
    language plpgsql immutable strict as
$$
declare
    scalar text := pg_internal.super_scalar($1);
begin
    if json_typeof($1::json) = 'number' then
        if scalar ~ '^-?[0-9]+$' then
            return scalar::numeric <> 0;
        end if;
    elsif pg_input_is_valid(scalar, 'boolean') then
        return scalar::boolean;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_timestamp(pg_catalog.super)
    returns timestamp language plpgsql stable strict as
$$
declare
    scalar text := pg_internal.super_scalar($1);
begin
    if json_typeof($1::json) = 'string' and pg_input_is_valid(scalar, 'timestamp') then
        return scalar::timestamp;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_timestamptz(pg_catalog.super)
    returns timestamptz language plpgsql stable strict as
$$
declare
    scalar text := pg_internal.super_scalar($1);
begin
    if json_typeof($1::json) = 'string'
        and pg_input_is_valid(scalar, 'timestamptz')
    then
        return scalar::timestamptz;
    end if;
    return null;
end
$$;
create function pg_internal.super_to_date(pg_catalog.super) returns date
    language sql stable strict as
$$ select pg_internal.super_to_timestamp($1)::date $$;

create cast (pg_catalog.super as text)
    with function pg_internal.super_to_text(pg_catalog.super);
create function pg_internal.super_to_varchar(pg_catalog.super) returns varchar
    language sql immutable strict as $$ select pg_internal.super_scalar($1) $$;
create cast (pg_catalog.super as varchar)
    with function pg_internal.super_to_varchar(pg_catalog.super);
create cast (pg_catalog.super as numeric)
    with function pg_internal.super_to_numeric(pg_catalog.super);
create cast (pg_catalog.super as bigint)
    with function pg_internal.super_to_bigint(pg_catalog.super);
create cast (pg_catalog.super as integer)
    with function pg_internal.super_to_integer(pg_catalog.super);
create cast (pg_catalog.super as smallint)
    with function pg_internal.super_to_smallint(pg_catalog.super);
create cast (pg_catalog.super as double precision)
    with function pg_internal.super_to_double(pg_catalog.super);
create cast (pg_catalog.super as real)
    with function pg_internal.super_to_real(pg_catalog.super);
create cast (pg_catalog.super as boolean)
    with function pg_internal.super_to_boolean(pg_catalog.super);
create cast (pg_catalog.super as timestamp)
    with function pg_internal.super_to_timestamp(pg_catalog.super);
create cast (pg_catalog.super as timestamptz)
    with function pg_internal.super_to_timestamptz(pg_catalog.super);
create cast (pg_catalog.super as date)
    with function pg_internal.super_to_date(pg_catalog.super);

create function pg_internal.to_super(text) returns pg_catalog.super
    language sql immutable strict as $$ select to_json($1)::super $$;
create function pg_internal.to_super(varchar) returns pg_catalog.super
    language sql immutable strict as $$ select to_json($1)::super $$;
create function pg_internal.to_super(smallint) returns pg_catalog.super
    language sql immutable strict as $$ select to_json($1)::super $$;
create function pg_internal.to_super(numeric) returns pg_catalog.super
    language sql immutable strict as $$ select to_json($1)::super $$;
create function pg_internal.to_super(bigint) returns pg_catalog.super
    language sql immutable strict as $$ select to_json($1)::super $$;
create function pg_internal.to_super(integer) returns pg_catalog.super
    language sql immutable strict as $$ select to_json($1)::super $$;
create function pg_internal.to_super(double precision) returns pg_catalog.super
    language sql immutable strict as $$ select to_json($1)::super $$;
create function pg_internal.to_super(boolean) returns pg_catalog.super
    language sql immutable strict as $$ select to_json($1)::super $$;
create cast (text as pg_catalog.super)
    with function pg_internal.to_super(text) as assignment;
create cast (varchar as pg_catalog.super)
    with function pg_internal.to_super(varchar) as assignment;
create cast (smallint as pg_catalog.super)
    with function pg_internal.to_super(smallint) as assignment;
create cast (numeric as pg_catalog.super)
    with function pg_internal.to_super(numeric) as assignment;
create cast (bigint as pg_catalog.super)
    with function pg_internal.to_super(bigint) as assignment;
create cast (integer as pg_catalog.super)
    with function pg_internal.to_super(integer) as assignment;
create cast (double precision as pg_catalog.super)
    with function pg_internal.to_super(double precision) as assignment;
create cast (boolean as pg_catalog.super)
    with function pg_internal.to_super(boolean) as assignment;
