-- Redshift's string functions.

create function pg_catalog.len(text) returns integer
    language sql immutable strict as $$ select char_length($1) $$;
create function pg_catalog.len(bpchar) returns integer
    language sql immutable strict as $$ select char_length($1) $$;
create function pg_catalog.charindex(text, text) returns integer
    language sql immutable strict as $$ select strpos($2, $1) $$;
create function pg_catalog.replicate(text, integer) returns text
    language sql immutable as
$$ select repeat($1, $2)::pg_internal.string::text $$;
-- Null if either argument is null, unlike PostgreSQL's.
create function pg_internal.concat(text, text) returns text
    language sql immutable strict as $$ select $1 || $2 $$;
create function pg_catalog.strtol(text, integer) returns bigint
    language plpgsql immutable strict as
$$
declare
    digits text := lower(btrim($1));
    negative boolean := left(digits, 1) = '-';
    result numeric := 0;
    digit integer;
begin
    if $2 not between 2 and 36 then
        raise exception 'Invalid base %: it must be between 2 and 36', $2
            using errcode = '22023';
    end if;
    digits := ltrim(digits, '+-');
    if $2 = 16 then
        digits := pg_catalog.regexp_replace(digits, '^0x', '');
    end if;
    for index in 1 .. char_length(digits) loop
        digit := position(substr(digits, index, 1)
            in '0123456789abcdefghijklmnopqrstuvwxyz') - 1;
        if digit < 0 or digit >= $2 then
            raise exception 'The input % is not valid to be converted to base %',
                $1, $2 using errcode = '22P02';
        end if;
        result := result * $2 + digit;
    end loop;
    return case when negative then -result else result end;
end
$$;
create function pg_catalog.sha2(text, integer) returns text
    language plpgsql immutable strict as
$$
begin
    case $2
        when 224 then return encode(sha224(convert_to($1, 'UTF8')), 'hex');
        when 0, 256 then return encode(sha256(convert_to($1, 'UTF8')), 'hex');
        when 384 then return encode(sha384(convert_to($1, 'UTF8')), 'hex');
        when 512 then return encode(sha512(convert_to($1, 'UTF8')), 'hex');
        else
            raise exception 'Invalid number of bits %: 0, 224, 256, 384 or 512', $2
                using errcode = '22023';
    end case;
end
$$;


-- Functions whose result may be longer than a varchar.
create function pg_internal.repeat(text, integer) returns text
    language sql immutable as
$$ select pg_catalog.repeat($1, $2)::pg_internal.string::text $$;
create function pg_internal.replace(text, text, text) returns text
    language sql immutable as
$$ select pg_catalog.replace($1, $2, $3)::pg_internal.string::text $$;
create function pg_internal.translate(text, text, text) returns text
    language sql immutable as
$$ select pg_catalog.translate($1, $2, $3)::pg_internal.string::text $$;
create function pg_internal.lpad(text, integer, text default ' ') returns text
    language sql immutable as
$$ select pg_catalog.lpad($1, $2, $3)::pg_internal.string::text $$;
create function pg_internal.rpad(text, integer, text default ' ') returns text
    language sql immutable as
$$ select pg_catalog.rpad($1, $2, $3)::pg_internal.string::text $$;
create function pg_internal.quote_literal(text) returns text
    language sql immutable as
$$ select pg_catalog.quote_literal($1)::pg_internal.string::text $$;
create function pg_internal.quote_ident(text) returns text
    language sql immutable as
$$ select pg_catalog.quote_ident($1)::pg_internal.string::text $$;

create function pg_internal.split_part(text, text, bigint) returns text
    language plpgsql immutable strict as
$$
begin
    if $3 < 1 then
        raise exception 'field position must be greater than zero'
            using errcode = '22023';
    end if;
    return pg_catalog.split_part($1, $2, least($3, 2147483647)::integer);
end
$$;
