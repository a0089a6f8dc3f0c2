{% test unique_combination_of_columns(
    model, combination_of_columns, date_column=none
) %}
    {#- Unlike the dbt_utils test, it also fails if a key column is null. -#}
    select {{ combination_of_columns | join(', ') }}

    from {{ model }}

    {% if date_column -%}
        where
            {{ date_column }} between {{ window_from() }} and {{ data_date() }}
    {%- endif %}

    group by {{ combination_of_columns | join(', ') }}

    having
        count(*) > 1
        {% for column in combination_of_columns -%}
            or max(case when {{ column }} is null then 1 else 0 end) = 1
        {% endfor %}
{% endtest %}
