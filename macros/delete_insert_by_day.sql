{% macro get_incremental_replace_days_sql(arg_dict) %}
    {#-
        Incremental strategy: the days of the window are taken out and put in anew,
        in one transaction. A key-wise merge would leave rows behind that no longer
        come about, such as a session that a late request joined to another.
        The model says which column holds the day: config(meta={'replaces': ...}).
        A model with a `unique_key` has one row a key, whichever day it is of: the
        key's earlier row goes, too. A model whose rows go on changing for some
        days after theirs says how many: meta={'reaches_back_days': ...}.
    -#}
    {%- set day = config.get('meta', {}).get('replaces') -%}
    {%- if not day -%}
        {{ exceptions.raise_compiler_error(
            model.name ~ ": strategy replace_days needs meta.replaces, its day column."
        ) }}
    {%- endif -%}
    {%- set reach = config.get('meta', {}).get('reaches_back_days', 0) -%}
    {%- set names = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}

    delete from {{ arg_dict['target_relation'] }}
    where {{ day }} between {{ window_from() }} - {{ reach }} and {{ data_date() }};

    {% set key = config.get('unique_key') -%}
    {% if key -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ key }} in (select {{ key }} from {{ arg_dict['temp_relation'] }});
    {%- endif %}

    insert into {{ arg_dict['target_relation'] }} ({{ names }})
    select {{ names }}
    from {{ arg_dict['temp_relation'] }}
{% endmacro %}
