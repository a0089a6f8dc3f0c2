-- Comparison of SUPER with other types: a SUPER of a different kind gives null.
create function pg_internal.text_of(pg_catalog.super) returns text
    language sql immutable strict as
$$ select case when json_typeof($1::json) = 'string' then $1::json #>> '{}' end $$;
create function pg_internal.number_of(pg_catalog.super) returns numeric
    language sql immutable strict as
$$
    select case when json_typeof($1::json) = 'number'
        then ($1::json #>> '{}')::numeric end
$$;
create function pg_internal.boolean_of(pg_catalog.super) returns boolean
    language sql immutable strict as
$$
    select case when json_typeof($1::json) = 'boolean'
        then ($1::json #>> '{}')::boolean end
$$;

do $do$
declare
    kind record;
    comparison record;
begin
    for kind in
        select * from (values
            ('text', 'text_of'), ('numeric', 'number_of'), ('boolean', 'boolean_of')
        ) as kinds (type_name, reader)
    loop
        for comparison in
            select * from (values
                ('=', 'eq'), ('<>', 'ne'), ('<', 'lt'), ('>', 'gt'), ('<=', 'le'),
                ('>=', 'ge')
            ) as comparisons (sign, word)
        loop
            execute format(
                'create function pg_internal.super_%s(pg_catalog.super, %s)'
                ' returns boolean language sql immutable strict as'
                ' ''select pg_internal.%s($1) %s $2''',
                comparison.word, kind.type_name, kind.reader, comparison.sign
            );
            execute format(
                'create operator pg_catalog.%s (leftarg = pg_catalog.super,'
                ' rightarg = %s, function = pg_internal.super_%s)',
                comparison.sign, kind.type_name, comparison.word
            );
            execute format(
                'create function pg_internal.super_%s(%s, pg_catalog.super)'
                ' returns boolean language sql immutable strict as'
                ' ''select $1 %s pg_internal.%s($2)''',
                comparison.word, kind.type_name, comparison.sign, kind.reader
            );
            execute format(
                'create operator pg_catalog.%s (leftarg = %s,'
                ' rightarg = pg_catalog.super, function = pg_internal.super_%s)',
                comparison.sign, kind.type_name, comparison.word
            );
        end loop;
    end loop;
end
$do$;

-- Comparison of SUPER values for GROUP BY, ORDER BY and DISTINCT. The operators are in
-- pg_internal, which is not in the search path: otherwise PostgreSQL would treat a
-- string in `super = 'text'` as SUPER.
create function pg_internal.super_cmp(pg_catalog.super, pg_catalog.super)
    returns integer language sql immutable strict as
$$ select jsonb_cmp($1::json::jsonb, $2::json::jsonb) $$;
create function pg_internal.super_hash(pg_catalog.super) returns integer
    language sql immutable strict as $$ select jsonb_hash($1::json::jsonb) $$;
do $do$
declare
    comparison record;
begin
    for comparison in
        select * from (values
            ('=', 'order_eq', 'eqsel', '=', '<>'),
            ('<>', 'order_ne', 'neqsel', '<>', '='),
            ('<', 'order_lt', 'scalarltsel', '>', '>='),
            ('>', 'order_gt', 'scalargtsel', '<', '<='),
            ('<=', 'order_le', 'scalarlesel', '>=', '>'),
            ('>=', 'order_ge', 'scalargesel', '<=', '<')
        ) as comparisons (sign, word, selectivity, commutator, negator)
    loop
        execute format(
            'create function pg_internal.super_%s(pg_catalog.super, pg_catalog.super)'
            ' returns boolean language sql immutable strict as'
            ' ''select pg_internal.super_cmp($1, $2) %s 0''',
            comparison.word, comparison.sign
        );
        execute format(
            'create operator pg_internal.%s (leftarg = pg_catalog.super,'
            ' rightarg = pg_catalog.super, function = pg_internal.super_%s,'
            ' commutator = operator(pg_internal.%s),'
            ' negator = operator(pg_internal.%s),'
            ' restrict = %s%s)',
            comparison.sign, comparison.word, comparison.commutator,
            comparison.negator, comparison.selectivity,
            case when comparison.sign = '=' then ', hashes, merges' else '' end
        );
    end loop;
end
$do$;
create operator class pg_catalog.super_order default for type pg_catalog.super
    using btree as
    operator 1 pg_internal.<, operator 2 pg_internal.<=, operator 3 pg_internal.=,
    operator 4 pg_internal.>=, operator 5 pg_internal.>,
    function 1 pg_internal.super_cmp(pg_catalog.super, pg_catalog.super);
create operator class pg_catalog.super_hashing default for type pg_catalog.super
    using hash as
    operator 1 pg_internal.=, function 1 pg_internal.super_hash(pg_catalog.super);
