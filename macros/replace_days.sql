{% macro get_incremental_replace_days_sql(arg_dict) %}
    {#-
        Incremental strategy: the days of the window are taken out and put in anew,
        in one transaction. A key-wise merge would leave rows behind that no longer
        come about, such as a session that a late request joined to another.
        The model says which column holds the day: config(meta={'replaces': ...}).
    -#}
    {%- set day = config.get('meta', {}).get('replaces') -%}
    {%- if not day -%}
        {{ exceptions.raise_compiler_error(
            model.name ~ ": strategy replace_days needs meta.replaces, its day column."
        ) }}
    {%- endif -%}
    {%- set names = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}

    delete from {{ arg_dict['target_relation'] }}
    where {{ day }} between {{ window_from() }} and {{ data_date() }};

    insert into {{ arg_dict['target_relation'] }} ({{ names }})
    select {{ names }}
    from {{ arg_dict['temp_relation'] }}
{% endmacro %}
