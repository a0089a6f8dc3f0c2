-- Redshift's regular expressions are POSIX's, without the `?` extensions of Perl, unless
-- a function's parameters contain `p` for PCRE. PostgreSQL's have most of those.

-- Returns a POSIX pattern as PostgreSQL reads it, or raises Redshift's error. A repeat
-- that nothing precedes, as in `(?=` and `(?:`, or that follows another one, as in the
-- lazy `*?`, is an error.
create function pg_internal.posix(text) returns text
    language plpgsql immutable strict as
$$
declare
    part text;
    place integer := 0;
    follows_repeat boolean := false;
    follows_opening boolean := false;
begin
    if textregexne($1, '[(*+?}][*+?{]') or starts_with($1, '***:') then
        return $1;
    end if;
    for part in
        select match[1] from pg_catalog.regexp_matches(
            $1,
            E'(\\\\.|\\[\\^?\\]?(?:\\[[:.=][^]]*[:.=]\\]|[^]])*\\]'
                '|\\{[0-9]+(?:,[0-9]*)?\\}|.)',
            'g'
        ) as match
    loop
        if part in ('*', '+', '?') or part like '{_%' then
            if follows_repeat or follows_opening then
                raise exception
                    'Invalid preceding regular expression prior to repetition'
                    ' operator.  The error occurred while parsing the regular'
                    ' expression%: ''%>>>HERE>>>%''.',
                    case when length($1) > 20 then ' fragment' else '' end,
                    substr($1, greatest(1, place - 8), least(place + 1, 10)),
                    substr($1, place + 2, 10)
                    using errcode = 'XX000';
            end if;
            follows_repeat := true;
        else
            follows_repeat := false;
        end if;
        follows_opening := part = '(';
        place := place + length(part);
    end loop;
    return $1;
end
$$;

-- SIMILAR TO is such an expression in PostgreSQL, of its own kind.
update pg_proc set proname = 'similar_to_expression'
where oid in (
    'similar_to_escape(text)'::regprocedure,
    'similar_to_escape(text, text)'::regprocedure
);
create function pg_catalog.similar_to_escape(text) returns text
    language sql immutable strict as $$ select '***:' || similar_to_expression($1) $$;
create function pg_catalog.similar_to_escape(text, text) returns text
    language sql immutable as $$ select '***:' || similar_to_expression($1, $2) $$;

-- The operators ~ and !~.
do $do$
declare
    found record;
begin
    for found in
        select oid, oprname, oprcode, oprleft::regtype as left_type
        from pg_operator
        where oprname in ('~', '!~', '~*', '!~*') and oprright = 'text'::regtype
            and oprleft in ('text'::regtype, 'bpchar'::regtype)
    loop
        execute format(
            'create function pg_internal.%s(%s, text) returns boolean'
            ' language sql immutable as'
            ' $$ select pg_catalog.%1$s($1, pg_internal.posix($2)) $$',
            found.oprcode, found.left_type
        );
        update pg_operator set oprcode = ('pg_internal.' || found.oprcode)::regproc
        where oid = found.oid;
    end loop;
end
$do$;

-- The pattern and flags for PostgreSQL. Of several matches at one place PostgreSQL
-- takes the longest, as POSIX does, also for PCRE.
create function pg_internal.pattern(text, text) returns text
    language sql immutable strict as
$$ select case when $2 like '%p%' then $1 else pg_internal.posix($1) end $$;
create function pg_internal.match_flags(text, allowed text) returns text
    language plpgsql immutable strict as
$$
begin
    if $1 !~ ('^[' || allowed || ']*$') then
        raise exception 'Invalid parameters of a regular expression function: %', $1
            using errcode = '22023';
    end if;
    return case when $1 ~ '^[^i]*$' or $1 ~ 'i.*c' then 'c' else 'i' end;
end
$$;
-- Replaces all matches.
create function pg_internal.regexp_replace(
    text, text, text default '', integer default 1, text default 'c'
) returns text language sql immutable strict as
$$
    select pg_catalog.regexp_replace(
        $1, pg_internal.pattern($2, $5), $3, greatest($4, 1), 0,
        pg_internal.match_flags($5, 'cip')
    )::pg_internal.string::text
$$;
create function pg_internal.has_groups(pattern text) returns boolean
    language sql immutable strict as
$$ select pg_catalog.textregexeq(pattern, E'(^|[^\\\\])\\((?!\\?)') $$;
-- Returns '' without a match.
create function pg_internal.regexp_substr(
    text, text, integer default 1, integer default 1, text default 'c'
) returns text language sql immutable strict as
$$
    select case
        when $1 = '' and $4 = 1 then coalesce(
            pg_catalog.regexp_substr($1, pg_internal.pattern($2, $5)), ''
        )
        when $4 between 1 and char_length($1) then coalesce(
            pg_catalog.regexp_substr(
                $1, pg_internal.pattern($2, $5), greatest($3, 1), $4,
                pg_internal.match_flags($5, 'ciep'),
                case
                    when $5 like '%e%' and pg_internal.has_groups($2) then 1 else 0
                end
            ),
            ''
        )
    end
$$;
create function pg_internal.regexp_instr(
    text, text, integer default 1, integer default 1, integer default 0,
    text default 'c'
) returns integer language sql immutable strict as
$$
    select case when $4 between 1 and char_length($1) then
        pg_catalog.regexp_instr(
            $1, pg_internal.pattern($2, $6), greatest($3, 1), $4,
            ($5 <> 0)::integer, pg_internal.match_flags($6, 'ciep'),
            case when $6 like '%e%' and pg_internal.has_groups($2) then 1 else 0 end
        )
    else 0 end
$$;
create function pg_internal.regexp_count(
    text, text, integer default 1, text default 'c'
) returns integer language sql immutable strict as
$$
    select pg_catalog.regexp_count(
        $1, pg_internal.pattern($2, $4), greatest($3, 1),
        pg_internal.match_flags($4, 'cip')
    )
$$;
