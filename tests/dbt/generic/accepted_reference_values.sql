{% test known_value(model, column, to, field, day=none, to_day=none) %}
    {#-
        Every value exists over there, among the days that the run may have changed.
        With `to_day` it must exist there on the same day, and other days are not read.
    -#}
    select distinct here.{{ column }}

    from {{ model }} as here

    where
        here.{{ column }} is not null
        {% if day -%}
            and here.{{ day }} between {{ window_from() }} and {{ data_date() }}
        {%- endif %}
        and not exists (
            select 1

            from {{ to }} as there

            where
                there.{{ field }} = here.{{ column }}
                {% if to_day -%}
                    and there.{{ to_day }} = here.{{ day }}
                    and there.{{ to_day }}
                    between {{ window_from() }} and {{ data_date() }}
                {%- endif %}
        )
{% endtest %}
