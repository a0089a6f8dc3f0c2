{% test expression_is_true(model, expression, date_column=none) %}
    {#- Unlike the dbt_utils test, it also fails if the expression is null. -#}
    select *

    from {{ model }}

    where
        not coalesce({{ expression }}, false)
        {% if date_column -%}
            and {{ date_column }}
            between {{ window_from() }} and {{ data_date() }}
        {%- endif %}
{% endtest %}
