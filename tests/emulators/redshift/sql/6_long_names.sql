-- Names of 64 to 127 bytes, which PostgreSQL does not have: dialect/names.py replaces
-- each by one of 63 bytes and records both here.

create table pg_internal.long_name (
    short text primary key,
    long text not null
);
create function pg_internal.find_long_name(text) returns text
    language plpgsql stable strict as
$$
begin
    return coalesce((select long from pg_internal.long_name where short = $1), $1);
end
$$;
create function pg_internal.long_name(name) returns text language sql stable as
$$
    select case
        when octet_length($1::text) = 63 then pg_internal.find_long_name($1::text)
        else $1::text
    end
$$;
-- Replace the short names in a text, such as a view's definition.
create function pg_internal.long_names_in(text) returns text
    language plpgsql stable strict as
$$
declare
    result text := $1;
    found_name record;
begin
    for found_name in
        select distinct short, long
        from regexp_matches($1, '_x([0-9a-f]{20})', 'g') as match
        join pg_internal.long_name on right(short, 20) = match[1]
    loop
        result := replace(result, found_name.short, found_name.long);
    end loop;
    return result;
end
$$;
create function pg_internal.current_database() returns text language sql stable as
$$ select pg_internal.long_name(pg_catalog.current_database()) $$;
create function pg_internal.current_schema() returns text language sql stable as
$$ select pg_internal.long_name(pg_catalog.current_schema()) $$;
