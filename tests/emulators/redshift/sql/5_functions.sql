-- Redshift's string, JSON and aggregate functions.

create function pg_catalog.len(text) returns integer
    language sql immutable strict as $$ select char_length($1) $$;
create function pg_catalog.len(bpchar) returns integer
    language sql immutable strict as $$ select char_length($1) $$;
create function pg_catalog.charindex(text, text) returns integer
    language sql immutable strict as $$ select strpos($2, $1) $$;
create function pg_catalog.replicate(text, integer) returns text
    language sql immutable strict as $$ select repeat($1, $2) $$;
-- Null if either argument is null, unlike PostgreSQL's.
create function pg_internal.concat(text, text) returns text
    language sql immutable strict as $$ select $1 || $2 $$;
-- REGEXP_REPLACE replaces all matches; REGEXP_SUBSTR returns '' without a match.
create function pg_internal.regexp_replace(text, text, text default '')
    returns text language sql immutable strict as
$$ select pg_catalog.regexp_replace($1, $2, $3, 'g') $$;
create function pg_internal.regexp_substr(
    text, text, integer default 1, integer default 1, text default 'c'
) returns text language sql immutable strict as
$$
    select coalesce(
        pg_catalog.regexp_substr($1, $2, $3, $4, replace($5, 'e', '')), ''
    )
$$;
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

-- SUPER holds at most 1,000 levels. The brackets in strings do not count.
create function pg_internal.json_depth(text) returns integer
    language plpgsql immutable strict as
$$
declare
    bracket text;
    depth integer := 0;
    deepest integer := 0;
begin
    for bracket in
        select match[1] from pg_catalog.regexp_matches(
            pg_catalog.regexp_replace($1, E'"(?:[^"\\\\]|\\\\.)*"', '', 'g'),
            E'[][{}]', 'g'
        ) as match
    loop
        depth := depth + case when bracket in ('[', '{') then 1 else -1 end;
        deepest := greatest(deepest, depth);
    end loop;
    return deepest;
end
$$;
create function pg_internal.is_flat_enough(text) returns boolean
    language sql immutable strict as
$$
    select case
        when char_length($1) - char_length(translate($1, '[{', '')) <= 1000 then true
        else pg_internal.json_depth($1) <= 1000
    end
$$;
-- A key given twice in an object is invalid, unless the setting allows it.
create function pg_internal.may_repeat_keys() returns boolean
    language sql stable as
$$
    select coalesce(
        current_setting('redshift.json_parse_dedup_attributes', true), ''
    ) in ('on', 'true')
$$;
create function pg_catalog.can_json_parse(text) returns boolean
    language sql stable strict as
$$
    select case
        when not pg_internal.is_flat_enough($1) then false
        when pg_internal.may_repeat_keys() then $1 is json
        else $1 is json with unique keys
    end
$$;
create function pg_internal.parse_json(text) returns super
    language plpgsql stable strict as
$$
begin
    if not pg_catalog.can_json_parse($1) then
        raise exception 'JSON parsing error' using
            detail = case
                when not pg_internal.is_flat_enough($1)
                    then 'More than 1000 levels of nesting'
                when $1 is json then 'Duplicate attributes or an invalid escape'
                else 'Invalid JSON'
            end || ': ' || left($1, 200),
            errcode = 'XX000';
    end if;
    if not ($1 is json with unique keys) then
        return pg_internal.compact($1::jsonb::json);
    end if;
    return pg_internal.compact($1::json);
end
$$;
create function pg_catalog.json_parse(text) returns super
    language sql stable strict as $$ select pg_internal.parse_json($1) $$;
-- The result is a varchar, which holds at most 65,535 bytes.
create function pg_internal.serialized(text) returns varchar
    language plpgsql immutable strict as
$$
begin
    if octet_length($1) > 65535 then
        raise exception 'JSON_SERIALIZE: the result has % bytes, more than 65535',
            octet_length($1) using errcode = '54000';
    end if;
    return $1;
end
$$;
create function pg_catalog.json_serialize(super) returns varchar
    language sql immutable strict as
$$ select pg_internal.serialized($1::json::text) $$;
create function pg_catalog.json_typeof(super) returns varchar
    language sql immutable strict as $$ select json_typeof($1::json) $$;
create function pg_catalog.is_array(super) returns boolean
    language sql immutable strict as $$ select json_typeof($1::json) = 'array' $$;
create function pg_catalog.is_object(super) returns boolean
    language sql immutable strict as $$ select json_typeof($1::json) = 'object' $$;
create function pg_catalog.is_scalar(super) returns boolean
    language sql immutable strict as
$$ select json_typeof($1::json) not in ('array', 'object') $$;
create function pg_catalog.is_varchar(super) returns boolean
    language sql immutable strict as $$ select json_typeof($1::json) = 'string' $$;
create function pg_catalog.get_array_length(super) returns integer
    language sql immutable strict as
$$
    select case when json_typeof($1::json) = 'array'
        then json_array_length($1::json) end
$$;
create function pg_catalog.array_concat(super, super) returns super
    language sql immutable strict as
$$
    select pg_internal.compact(coalesce(json_agg(element), '[]'))
    from (
        select * from json_array_elements($1::json)
        union all
        select * from json_array_elements($2::json)
    ) as elements (element)
$$;
create function pg_catalog.split_to_array(text, text default ',') returns super
    language sql immutable strict as
$$ select pg_internal.compact(to_json(string_to_array($1, $2))) $$;
create function pg_internal.get(super, text) returns super
    language sql immutable strict as $$ select ($1::json -> $2)::super $$;
create function pg_internal.get(super, integer) returns super
    language sql immutable strict as
$$ select case when $2 >= 0 then ($1::json -> $2)::super end $$;
create function pg_internal.elements(super) returns setof super
    language sql immutable strict rows 10 as
$$
    select value::super
    from json_array_elements(
        case when json_typeof($1::json) = 'array' then $1::json else '[]' end
    )
$$;

create function pg_catalog.is_valid_json(text) returns boolean
    language sql immutable strict as $$ select $1 is json object $$;
create function pg_catalog.is_valid_json_array(text) returns boolean
    language sql immutable strict as $$ select $1 is json array $$;
-- Stable, so that the planner does not evaluate it in a CASE branch that is not taken.
create function pg_internal.json_extract_path_text(text, variadic text[])
    returns text language plpgsql stable strict as
$$
begin
    return $1::json #>> $2;
exception when invalid_text_representation then
    raise exception 'JSON parsing error' using
        detail = 'Invalid JSON object ' || $1, errcode = 'XX000';
end
$$;
create function pg_internal.json_extract_path_text(
    null_if_invalid boolean, text, variadic text[]
) returns text language sql stable strict as
$$
    select case
        when $1 and not pg_input_is_valid($2, 'json') then null
        else pg_internal.json_extract_path_text($2, variadic $3)
    end
$$;
create function pg_catalog.json_array_length(text) returns integer
    language sql immutable strict as $$ select json_array_length($1::json) $$;
create function pg_catalog.json_array_length(text, boolean) returns integer
    language sql immutable strict as
$$
    select case when not $2 or $1 is json array
        then json_array_length($1::json) end
$$;
create function pg_catalog.json_extract_array_element_text(text, integer)
    returns text language sql immutable strict as
$$ select case when $2 >= 0 then $1::json ->> $2 end $$;
create function pg_catalog.json_extract_array_element_text(text, integer, boolean)
    returns text language sql immutable strict as
$$ select case when $2 >= 0 and (not $3 or $1 is json) then $1::json ->> $2 end $$;

create aggregate pg_internal.listagg(text, text) (
    sfunc = string_agg_transfn, stype = internal, finalfunc = string_agg_finalfn
);

-- The relay rewrites PERCENTILE_CONT, PERCENTILE_DISC and MEDIAN to these functions of
-- array_agg(values).
create function pg_internal.percentile_cont(numeric[], numeric) returns numeric
    language sql immutable strict as
$$
    select sorted[floor(row_position)::integer]
        + (sorted[ceil(row_position)::integer] - sorted[floor(row_position)::integer])
        * (row_position - floor(row_position))
    from (
        select sorted, 1 + $2 * (cardinality(sorted) - 1) as row_position
        from (
            select array(
                select value from unnest($1) as value
                where value is not null order by value
            ) as sorted
        ) as ordered
    ) as ranked
    where cardinality(sorted) > 0
$$;
create function pg_internal.percentile_cont(bigint[], numeric) returns numeric
    language sql immutable strict as
$$ select pg_internal.percentile_cont($1::numeric[], $2) $$;
create function pg_internal.percentile_cont(integer[], numeric) returns numeric
    language sql immutable strict as
$$ select pg_internal.percentile_cont($1::numeric[], $2) $$;
create function pg_internal.percentile_cont(smallint[], numeric) returns numeric
    language sql immutable strict as
$$ select pg_internal.percentile_cont($1::numeric[], $2) $$;
create function pg_internal.percentile_cont(double precision[], numeric)
    returns double precision language sql immutable strict as
$$
    select percentile_cont($2::double precision) within group (order by value)
    from unnest($1) as value
$$;
create function pg_internal.percentile_cont(real[], numeric)
    returns double precision language sql immutable strict as
$$ select pg_internal.percentile_cont($1::double precision[], $2) $$;
create function pg_internal.percentile_cont(timestamp[], numeric)
    returns timestamp language sql immutable strict as
$$
    select timestamp '2000-01-01' + percentile_cont($2::double precision)
        within group (order by value - timestamp '2000-01-01')
    from unnest($1) as value
$$;
create function pg_internal.percentile_cont(date[], numeric)
    returns timestamp language sql immutable strict as
$$ select pg_internal.percentile_cont($1::timestamp[], $2) $$;
create function pg_internal.percentile_disc(anyarray, numeric) returns anyelement
    language sql immutable strict as
$$
    select percentile_disc($2::double precision) within group (order by value)
    from unnest($1) as value
$$;
do $do$
declare
    kind record;
begin
    for kind in
        select * from (values
            ('numeric', 'numeric'), ('bigint', 'numeric'), ('integer', 'numeric'),
            ('smallint', 'numeric'), ('double precision', 'double precision'),
            ('real', 'double precision'), ('timestamp', 'timestamp'),
            ('date', 'timestamp')
        ) as kinds (input_type, result_type)
    loop
        execute format(
            'create function pg_internal.median(%s[]) returns %s language sql'
            ' immutable strict as ''select pg_internal.percentile_cont($1, 0.5)''',
            kind.input_type, kind.result_type
        );
    end loop;
end
$do$;

-- AVG of integers returns an integer.
create function pg_internal.integer_mean(bigint[]) returns bigint
    language sql immutable strict as
$$ select case when $1[1] > 0 then $1[2] / $1[1] end $$;
create function pg_internal.accumulate_mean(numeric[], bigint) returns numeric[]
    language sql immutable strict as
$$ select array[$1[1] + 1, $1[2] + $2] $$;
create function pg_internal.integer_mean(numeric[]) returns bigint
    language sql immutable strict as
$$ select case when $1[1] > 0 then trunc($1[2] / $1[1])::bigint end $$;
create aggregate pg_internal.avg(smallint) (
    sfunc = int2_avg_accum, stype = bigint[], initcond = '{0,0}',
    finalfunc = pg_internal.integer_mean
);
create aggregate pg_internal.avg(integer) (
    sfunc = int4_avg_accum, stype = bigint[], initcond = '{0,0}',
    finalfunc = pg_internal.integer_mean
);
create aggregate pg_internal.avg(bigint) (
    sfunc = pg_internal.accumulate_mean, stype = numeric[], initcond = '{0,0}',
    finalfunc = pg_internal.integer_mean
);
create aggregate pg_internal.avg(numeric) (
    sfunc = numeric_avg_accum, stype = internal, finalfunc = numeric_avg
);
create aggregate pg_internal.avg(double precision) (
    sfunc = float8_accum, stype = double precision[], initcond = '{0,0,0}',
    finalfunc = float8_avg
);
create aggregate pg_internal.avg(real) (
    sfunc = float4_accum, stype = double precision[], initcond = '{0,0,0}',
    finalfunc = float8_avg
);

create function pg_internal.version() returns text language sql immutable as
$$
    select 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2'
        || ' 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.0 (emulator)'
$$;
-- The relay passes the session's value as the argument.
create function pg_internal.pg_last_copy_id(integer) returns integer
    language sql immutable as $$ select $1 $$;
create function pg_internal.pg_last_copy_count(bigint) returns bigint
    language sql immutable as $$ select $1 $$;
create function pg_internal.pg_last_unload_id(integer) returns integer
    language sql immutable as $$ select $1 $$;
create function pg_internal.pg_last_unload_count(bigint) returns bigint
    language sql immutable as $$ select $1 $$;
create function pg_internal.pg_last_query_id(integer) returns integer
    language sql immutable as $$ select $1 $$;
