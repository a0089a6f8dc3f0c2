{% test columns_are_not_null(model, columns, date_column=none) %}
    {#- For models that keep duplicates and therefore have no unique key. -#}
    select {{ columns | join(', ') }}

    from {{ model }}

    where
        ({{ columns | join(' is null or ') }} is null)
        {% if date_column -%}
            and {{ date_column }}
            between {{ window_from() }} and {{ data_date() }}
        {%- endif %}
{% endtest %}
