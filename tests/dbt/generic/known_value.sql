{% test known_value(model, column, to, field, day=none) %}
    {#- Every value exists over there, among the days that the run may have changed. -#}
    select distinct here.{{ column }}

    from {{ model }} as here

    left join {{ to }} as there
        on here.{{ column }} = there.{{ field }}

    where
        there.{{ field }} is null
        and here.{{ column }} is not null
        {% if day -%}
            and here.{{ day }} between {{ window_from() }} and {{ data_date() }}
        {%- endif %}
{% endtest %}
