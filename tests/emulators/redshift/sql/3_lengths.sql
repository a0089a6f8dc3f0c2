-- varchar(n) and char(n) count bytes in Redshift. PostgreSQL enforces a length with the
-- cast function in pg_cast, which is replaced here for both types.
create function pg_internal.truncate_to_bytes(text, integer) returns text
    language sql immutable strict as
$$
    select coalesce(
        (
            select left($1, characters)
            from generate_series(least(char_length($1), $2), 0, -1) as characters
            where octet_length(left($1, characters)) <= $2
            limit 1
        ),
        ''
    )
$$;
create function pg_internal.truncate_or_fail(
    value text, bytes integer, is_explicit boolean, type_name text
) returns text language plpgsql immutable strict as
$$
begin
    if is_explicit or octet_length(rtrim(value, ' ')) <= bytes then
        return pg_internal.truncate_to_bytes(value, bytes);
    end if;
    raise exception 'value too long for type %(%)', type_name, bytes
        using errcode = '22001';
end
$$;
create function pg_internal.varchar_in_bytes(varchar, integer, boolean)
    returns varchar language sql immutable strict as
$$
    select case
        when $2 < 5 or octet_length($1) <= $2 - 4 then $1
        else pg_internal.truncate_or_fail($1, $2 - 4, $3, 'character varying')
    end
$$;
-- CHAR holds only single-byte characters.
create function pg_internal.reject_multibyte(text) returns bpchar
    language plpgsql immutable strict as
$$
declare
    character bytea := convert_to(substring($1 from '[^\x01-\x7f]'), 'UTF8');
begin
    raise exception 'Invalid characters:' using
        detail = 'Only ASCII characters are allowed in fixed length strings.'
            ' Invalid ASCII char: '
            || btrim(pg_catalog.regexp_replace(
                encode(character, 'hex'), '(..)', E'\\1 ', 'g'
            )),
        errcode = 'XX000';
end
$$;
create function pg_internal.char_in_bytes(bpchar, integer, boolean)
    returns bpchar language sql immutable strict as
$$
    select case
        when octet_length($1::text) > char_length($1::text)
            then pg_internal.reject_multibyte($1::text)
        when $2 < 5 then $1
        when octet_length($1) <= $2 - 4 then rpad($1::text, $2 - 4)
        else pg_internal.truncate_or_fail($1::text, $2 - 4, $3, 'character')
    end::bpchar
$$;
update pg_cast
set castfunc = 'pg_internal.varchar_in_bytes(varchar, integer, boolean)'::regprocedure
where castsource = 'varchar'::regtype and casttarget = 'varchar'::regtype;
update pg_cast
set castfunc = 'pg_internal.char_in_bytes(bpchar, integer, boolean)'::regprocedure
where castsource = 'bpchar'::regtype and casttarget = 'bpchar'::regtype;

-- A varchar holds at most 65,535 bytes, also the result of a function. A domain checks
-- this fastest; the relay replaces its error by Redshift's, by the constraint's name.
create domain pg_internal.string as text
    constraint varchar_limit check (octet_length(value) <= 65535);
create domain pg_internal.list as text
    constraint listagg_limit check (octet_length(value) <= 65535);
create function pg_internal.concatenate(text, text) returns text
    language sql immutable as
$$ select textcat($1, $2)::pg_internal.string::text $$;
update pg_operator set oprcode = 'pg_internal.concatenate'::regproc
where oid = '||(text, text)'::regoperator;

-- Redshift tables have no text columns. Text columns that CREATE TABLE AS creates from
-- expressions are changed to varchar, which has the same binary representation.
create function pg_internal.convert_text_columns() returns event_trigger
    language plpgsql security definer as
$$
declare
    new_table regclass;
    changes text;
begin
    for new_table in
        select objid from pg_event_trigger_ddl_commands()
        where object_type = 'table'
    loop
        select string_agg(format('alter column %I type varchar', attname), ', ')
        into changes
        from pg_attribute
        where attrelid = new_table and attnum > 0 and atttypid = 'text'::regtype;
        if changes is not null then
            execute format('alter table %s %s', new_table, changes);
        end if;
    end loop;
end
$$;
create event trigger convert_text_columns on ddl_command_end
    when tag in ('CREATE TABLE AS', 'SELECT INTO')
    execute function pg_internal.convert_text_columns();

-- The strings of a new table that have no length get that of their expression, or the
-- maximum. Nothing is checked: no value is longer.
create function pg_internal.set_lengths(relation text, lengths integer[]) returns void
    language plpgsql security definer as
$$
declare
    table_id regclass := to_regclass(relation);
    columns integer := (
        select count(*) from pg_attribute
        where attrelid = table_id and attnum > 0 and not attisdropped
    );
begin
    update pg_attribute
    set atttypmod = 4 + coalesce(
        case when cardinality(lengths) = columns then lengths[attnum] end,
        case atttypid when 'bpchar'::regtype then 4096 else 65535 end
    )
    where attrelid = table_id and attnum > 0 and atttypmod = -1
        and atttypid in ('varchar'::regtype, 'text'::regtype, 'bpchar'::regtype)
        and exists (
            select from pg_class
            where oid = table_id and xmin = pg_current_xact_id()::xid
        );
end
$$;
