-- JSON_PARSE and the other functions of SUPER values and JSON text.

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

create function pg_internal.pairs(super, out value super, out name varchar)
    returns setof record
    language sql immutable strict rows 10 as
$$
    select value::super, key
    from json_each(
        case when json_typeof($1::json) = 'object' then $1::json else '{}' end
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
