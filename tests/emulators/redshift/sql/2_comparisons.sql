-- Trailing blanks of VARCHAR are insignificant in comparisons, as those of CHAR are.
-- TEXT and VARCHAR therefore use CHAR's functions for their operators, and for the
-- operator classes with which PostgreSQL sorts, groups and joins.
do $do$
declare
    replaced record;
begin
    for replaced in
        select * from (values
            ('=', 'bpchareq'), ('<>', 'bpcharne'), ('<', 'bpcharlt'),
            ('<=', 'bpcharle'), ('>', 'bpchargt'), ('>=', 'bpcharge')
        ) as operators (sign, function_name)
    loop
        update pg_operator set oprcode = replaced.function_name::regproc
        where oprname = replaced.sign and oprleft = 'text'::regtype
            and oprright = 'text'::regtype;
    end loop;
    for replaced in
        select * from (values
            ('bttextcmp', 'bpcharcmp'), ('bttextsortsupport', 'bpchar_sortsupport'),
            ('hashtext', 'hashbpchar'), ('hashtextextended', 'hashbpcharextended')
        ) as support (function_name, replacement)
    loop
        update pg_amproc set amproc = replaced.replacement::regproc
        where amproc = replaced.function_name::regproc;
    end loop;
    -- Values that are equal may now differ in length.
    delete from pg_amproc
    where amprocnum = 4 and amproclefttype = 'text'::regtype;
end
$do$;

-- A string is compared with a DECIMAL as a number, and with other numbers, dates and
-- timestamps as text.
do $do$
declare
    kind record;
    comparison record;
begin
    for kind in
        select * from (values
            ('smallint', 'text'), ('integer', 'text'), ('bigint', 'text'),
            ('real', 'text'), ('double precision', 'text'), ('numeric', 'numeric'),
            ('date', 'text'), ('timestamp', 'text'), ('timestamptz', 'text')
        ) as kinds (type_name, common_type)
    loop
        for comparison in
            select * from (values
                ('=', 'eq'), ('<>', 'ne'), ('<', 'lt'), ('>', 'gt'), ('<=', 'le'),
                ('>=', 'ge')
            ) as comparisons (sign, word)
        loop
            execute format(
                'create function pg_internal.text_%1$s(text, %2$s) returns boolean'
                ' language sql stable as $$ select $1::%3$s %4$s $2::%3$s $$',
                comparison.word, kind.type_name, kind.common_type, comparison.sign
            );
            execute format(
                'create operator pg_catalog.%s (leftarg = text, rightarg = %s,'
                ' function = pg_internal.text_%s)',
                comparison.sign, kind.type_name, comparison.word
            );
            execute format(
                'create function pg_internal.text_%1$s(%2$s, text) returns boolean'
                ' language sql stable as $$ select $1::%3$s %4$s $2::%3$s $$',
                comparison.word, kind.type_name, kind.common_type, comparison.sign
            );
            execute format(
                'create operator pg_catalog.%s (leftarg = %s, rightarg = text,'
                ' function = pg_internal.text_%s)',
                comparison.sign, kind.type_name, comparison.word
            );
        end loop;
    end loop;
end
$do$;

-- Comparison of SUPER with other types. If the SUPER is of a different kind, `=` is
-- false, `<>` is true and the others are null.
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
            ('text', 'text_of'), ('smallint', 'number_of'), ('integer', 'number_of'),
            ('bigint', 'number_of'), ('numeric', 'number_of'), ('real', 'number_of'),
            ('double precision', 'number_of'), ('boolean', 'boolean_of')
        ) as kinds (type_name, reader)
    loop
        for comparison in
            select * from (values
                ('=', 'eq', 'coalesce(%s, false)'), ('<>', 'ne', 'coalesce(%s, true)'),
                ('<', 'lt', '%s'), ('>', 'gt', '%s'), ('<=', 'le', '%s'),
                ('>=', 'ge', '%s')
            ) as comparisons (sign, word, expression)
        loop
            execute format(
                'create function pg_internal.super_%s(pg_catalog.super, %s)'
                ' returns boolean language sql immutable strict as $$ select %s $$',
                comparison.word, kind.type_name, format(
                    comparison.expression,
                    format('pg_internal.%s($1) %s $2', kind.reader, comparison.sign)
                )
            );
            execute format(
                'create operator pg_catalog.%s (leftarg = pg_catalog.super,'
                ' rightarg = %s, function = pg_internal.super_%s)',
                comparison.sign, kind.type_name, comparison.word
            );
            execute format(
                'create function pg_internal.super_%s(%s, pg_catalog.super)'
                ' returns boolean language sql immutable strict as $$ select %s $$',
                comparison.word, kind.type_name, format(
                    comparison.expression,
                    format('$1 %s pg_internal.%s($2)', comparison.sign, kind.reader)
                )
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
-- string in `super = 'text'` as SUPER. Trailing blanks of strings are insignificant.
create function pg_internal.comparable(pg_catalog.super) returns jsonb
    language sql immutable strict as
$$
    select case
        when $1::json::text like '% "%'
            then regexp_replace($1::json::text, ' +"', '"', 'g')
        else $1::json::text
    end::jsonb
$$;
create function pg_internal.super_cmp(pg_catalog.super, pg_catalog.super)
    returns integer language sql immutable strict as
$$ select jsonb_cmp(pg_internal.comparable($1), pg_internal.comparable($2)) $$;
create function pg_internal.super_hash(pg_catalog.super) returns integer
    language sql immutable strict as
$$ select jsonb_hash(pg_internal.comparable($1)) $$;
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

-- Comparison of two SUPER values by `=` and the others. Arrays and objects are compared
-- as a whole. The right operand is polymorphic for the reason above.
create function pg_internal.super_kind(pg_catalog.super) returns text
    language sql immutable strict as $$ select json_typeof($1::json) $$;
create function pg_internal.as_super(anynonarray) returns pg_catalog.super
    language plpgsql immutable strict as
$$
begin
    if pg_typeof($1) <> 'pg_catalog.super'::regtype then
        raise exception 'operator does not exist: super and %', pg_typeof($1)
            using errcode = '42883';
    end if;
    return $1;
end
$$;
do $do$
declare
    comparison record;
begin
    for comparison in
        select * from (values
            ('=', 'eq', '%s'), ('<>', 'ne', '%s'), ('<', 'lt', 'case when %2$s then %1$s end'),
            ('>', 'gt', 'case when %2$s then %1$s end'),
            ('<=', 'le', 'case when %2$s then %1$s end'),
            ('>=', 'ge', 'case when %2$s then %1$s end')
        ) as comparisons (sign, word, expression)
    loop
        execute format(
            'create function pg_internal.dynamic_%s(pg_catalog.super, anynonarray)'
            ' returns boolean language sql immutable strict as $$ select %s $$',
            comparison.word, format(
                comparison.expression,
                'pg_internal.super_cmp($1, pg_internal.as_super($2)) '
                    || comparison.sign || ' 0',
                'pg_internal.super_kind($1)'
                    ' = pg_internal.super_kind(pg_internal.as_super($2))'
            )
        );
        execute format(
            'create operator pg_catalog.%s (leftarg = pg_catalog.super,'
            ' rightarg = anynonarray, function = pg_internal.dynamic_%s)',
            comparison.sign, comparison.word
        );
    end loop;
end
$do$;
