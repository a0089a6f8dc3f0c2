-- Keys are declared and not enforced. A primary or unique key has an index, which is
-- empty, because clients look for one in pg_index; the constraint is deferrable, so that
-- PostgreSQL does not infer anything from it. The index has a name of its own, so that
-- it takes none from a table; `pg_redshift.pg_class` shows the key's.
create function pg_internal.key_columns(relation oid, names text[]) returns smallint[]
    language plpgsql stable as
$$
declare
    missing text;
begin
    select name into missing from unnest(names) as name
    where not exists (
        select from pg_attribute
        where attrelid = relation and attname = name and attnum > 0
            and not attisdropped
    )
    limit 1;
    if missing is not null then
        raise exception 'column "%" named in key does not exist', missing
            using errcode = '42703';
    end if;
    return array(
        select attnum from unnest(names) with ordinality as named (name, position)
        join pg_attribute on attrelid = relation and attname = name
        order by position
    );
end
$$;
create function pg_internal.unused_key_name(relation oid, wanted text) returns text
    language plpgsql stable as
$$
declare
    candidate text := left(wanted, 60);
    number integer := 0;
begin
    while exists (
        select from pg_constraint where conrelid = relation and conname = candidate
    ) loop
        number := number + 1;
        candidate := left(wanted, 60) || number;
    end loop;
    return candidate;
end
$$;
create function pg_internal.record_key(relation regclass, key jsonb) returns void
    language plpgsql as
$$
declare
    kind text := key ->> 'kind';
    names text[] := array(select jsonb_array_elements_text(key -> 'columns'));
    columns smallint[] := pg_internal.key_columns(relation, names);
    owner pg_class := (select pg_class from pg_class where oid = relation);
    referenced regclass := to_regclass(key ->> 'table');
    referenced_columns smallint[];
    key_name text;
    index_name text := 'key ' || gen_random_uuid();
    operators oid[];
    index_id oid := 0;
    key_id oid;
begin
    if kind = 'p' and exists (
        select from pg_constraint where conrelid = relation and contype = 'p'
    ) then
        raise exception 'multiple primary keys for table "%" are not allowed',
            owner.relname using errcode = '42P16';
    end if;
    key_name := coalesce(
        key ->> 'name',
        pg_internal.unused_key_name(relation, case kind
            when 'p' then owner.relname || '_pkey'
            else concat_ws(
                '_', owner.relname, array_to_string(names, '_'),
                case kind when 'u' then 'key' else 'fkey' end
            )
        end)
    );
    if kind = 'f' then
        if referenced is null then
            raise exception 'relation "%" does not exist', key ->> 'table'
                using errcode = '42P01';
        end if;
        referenced_columns := pg_internal.key_columns(
            referenced, array(select jsonb_array_elements_text(key -> 'references'))
        );
        if cardinality(referenced_columns) = 0 then
            select conkey into referenced_columns from pg_constraint
            where conrelid = referenced and contype = 'p';
        end if;
        if not exists (
            select from pg_constraint
            where conrelid = referenced and contype in ('p', 'u')
                and conkey @> referenced_columns and conkey <@ referenced_columns
        ) then
            raise exception 'there is no unique constraint matching given keys for'
                ' referenced table "%"', key ->> 'table' using errcode = '42830';
        end if;
        -- PostgreSQL reads them, and ignores them because nothing is enforced.
        operators := array_fill(
            '=(integer,integer)'::regoperator::oid, array[cardinality(columns)]
        );
    else
        execute format(
            'create index %I on %s (%s) where false', index_name, relation,
            (select string_agg(quote_ident(name), ', ') from unnest(names) as name)
        );
        index_id := (
            select oid from pg_class
            where relnamespace = owner.relnamespace and relname = index_name
        );
        update pg_index set indisprimary = kind = 'p' where indexrelid = index_id;
    end if;
    key_id := pg_nextoid('pg_constraint', 'oid', 'pg_constraint_oid_index');
    insert into pg_constraint (
        oid, conname, connamespace, contype, condeferrable, condeferred, conenforced,
        convalidated, conrelid, contypid, conindid, conparentid, confrelid,
        confupdtype, confdeltype, confmatchtype, conislocal, coninhcount, connoinherit,
        conperiod, conkey, confkey, conpfeqop, conppeqop, conffeqop
    ) values (
        key_id, key_name, owner.relnamespace, kind::"char", true, false, false,
        true, relation, 0, index_id, 0, coalesce(referenced, 0),
        case kind when 'f' then 'a' else ' ' end, case kind when 'f' then 'a' else ' ' end,
        case kind when 'f' then 's' else ' ' end, true, 0, true,
        false, columns, referenced_columns, operators, operators, operators
    );
    insert into pg_depend
    select 'pg_constraint'::regclass, key_id, 0, 'pg_class'::regclass, relation, number,
        'a'
    from unnest(columns) as number;
    insert into pg_depend
    select 'pg_constraint'::regclass, key_id, 0, 'pg_class'::regclass, referenced,
        number, 'n'
    from unnest(referenced_columns) as number;
    if index_id > 0 then
        insert into pg_depend values (
            'pg_class'::regclass, index_id, 0, 'pg_constraint'::regclass, key_id, 0, 'i'
        );
    end if;
end
$$;
create function pg_internal.record_keys(
    relation text, may_exist boolean, keys text
) returns void language plpgsql security definer
set allow_system_table_mods = on as
$$
declare
    table_id regclass := to_regclass(relation);
begin
    -- CREATE TABLE IF NOT EXISTS has created nothing if the table is older.
    if may_exist and (
        not exists (
            select from pg_class
            where oid = table_id and xmin = pg_current_xact_id()::xid
        )
        or exists (
            select from pg_constraint
            where conrelid = table_id and contype in ('p', 'u', 'f')
        )
    ) then
        return;
    end if;
    perform pg_internal.record_key(table_id, key)
    from jsonb_array_elements(keys::jsonb) as key;
end
$$;

-- The columns of an index have the names of the table's columns.
create function pg_internal.rename_key_columns(relation text) returns void
    language sql security definer set allow_system_table_mods = on as
$$
    update pg_attribute as of_index
    set attname = of_table.attname
    from pg_index, pg_attribute as of_table
    where indrelid = to_regclass(relation)
        and of_index.attrelid = indexrelid
        and of_table.attrelid = indrelid
        and of_table.attnum = indkey[of_index.attnum - 1]
        and of_index.attname <> of_table.attname
$$;
