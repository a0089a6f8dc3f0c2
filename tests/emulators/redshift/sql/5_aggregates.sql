-- LISTAGG, MEDIAN, the percentiles and AVG.

-- The relay rewrites LISTAGG to this function of array_agg(values).
create function pg_internal.listagg(anyarray, text) returns varchar
    language sql immutable as
$$
    select string_agg(value::text, $2 order by place)::pg_internal.list::varchar
    from unnest($1) with ordinality as elements (value, place)
    where octet_length(value::text) > 0
$$;

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
