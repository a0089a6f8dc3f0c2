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
