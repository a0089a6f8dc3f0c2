{% test accepted_reference_values(
    model, column_name, to, field, date_column=none, to_date_column=none
) %}
    {#-
        Like dbt's `relationships`, but limited to the days of the window. With
        `to_date_column` the value must exist on the same day, and other days of
        the referenced table are not read.
    -#}
    select distinct child.{{ column_name }}

    from {{ model }} as child

    where
        child.{{ column_name }} is not null
        {% if date_column -%}
            and child.{{ date_column }}
            between {{ window_from() }} and {{ data_date() }}
        {%- endif %}
        and not exists (
            select 1

            from {{ to }} as parent

            where
                parent.{{ field }} = child.{{ column_name }}
                {% if to_date_column -%}
                    and parent.{{ to_date_column }} = child.{{ date_column }}
                    and parent.{{ to_date_column }}
                    between {{ window_from() }} and {{ data_date() }}
                {%- endif %}
        )
{% endtest %}
