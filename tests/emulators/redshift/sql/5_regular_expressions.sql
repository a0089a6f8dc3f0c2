-- Redshift's regular expression functions.

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
