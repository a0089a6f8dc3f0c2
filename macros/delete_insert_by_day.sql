{% macro get_incremental_delete_insert_by_day_sql(arg_dict) %}
    {#-
        Incremental strategy that deletes the days of the window and inserts them again
        in one transaction. A merge by key would leave rows that no longer exist, such
        as a session that a late request joined to another one.

        meta.date_column names the day column of the model. With a `unique_key` the
        earlier row of each new key is deleted too, on any day.
        meta.rows_change_for_days extends the window back by that many days, for rows
        that still change after their own day.
        The var discard_later_days also deletes all days after the window, which a
        later date left there whose run has not finished.
    -#}
    {%- set date_column = config.get('meta', {}).get('date_column') -%}
    {%- if not date_column -%}
        {{ exceptions.raise_compiler_error(
            "Model " ~ model.name ~ " has no day column. The incremental strategy "
            ~ "delete_insert_by_day needs one. Set meta.date_column in its config."
        ) }}
    {%- endif -%}
    {%- set days_back = config.get('meta', {}).get('rows_change_for_days', 0) -%}
    {%- set names = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}

    delete from {{ arg_dict['target_relation'] }}
    where
        {{ date_column }} >= {{ window_from() }} - {{ days_back }}
        {%- if not var('discard_later_days') %}
        and {{ date_column }} <= {{ data_date() }}
        {%- endif %};

    {% set key = config.get('unique_key') -%}
    {% if key -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ key }} in (select {{ key }} from {{ arg_dict['temp_relation'] }});
    {%- endif %}

    insert into {{ arg_dict['target_relation'] }} ({{ names }})
    select {{ names }}
    from {{ arg_dict['temp_relation'] }}
{% endmacro %}


{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none,
    sorted_by=none
) %}
    {#-
        Replaces dbt-duckdb's macro for models with delete_insert_by_day.

        The rows of the temporary relation are inserted once, so a view saves writing
        and reading them. It is read after the delete: a model that reads its own table
        reads days outside of the window only. A `unique_key` reads the rows twice, so
        these stay in a table.

        A new table is in the order of its days, as the sort key does on Redshift.
        Otherwise each later delete changes, and rewrites, every part of the table.
    -#}
    {%- set is_by_day = config.get('incremental_strategy') == 'delete_insert_by_day' -%}
    {%- if is_by_day and temporary and not config.get('unique_key') -%}
        {%- if config.get('contract').enforced -%}
            {{ get_assert_columns_equivalent(compiled_code) }}
        {%- endif %}
        create temporary view
            {{ relation.include(database=false, schema=false) }} as (
            {{ compiled_code }}
        )
    {%- else -%}
        {%- if is_by_day and not temporary -%}
            {%- set compiled_code -%}
                select * from (
                    {{ compiled_code }}
                ) as model_rows
                order by {{ config.get('meta', {}).get('date_column') }}
            {%- endset -%}
        {%- endif -%}
        {{- return(dbt.duckdb__create_table_as(
            temporary, relation, compiled_code, language, partitioned_by, sorted_by
        )) -}}
    {%- endif -%}
{% endmacro %}
