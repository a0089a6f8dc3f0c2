{% test holds(model, condition, day=none) %}
    {#- An invariant of each row; an unknown outcome is a broken one. -#}
    select *

    from {{ model }}

    where
        not coalesce({{ condition }}, false)
        {% if day -%}
            and {{ day }} between {{ window_from() }} and {{ data_date() }}
        {%- endif %}
{% endtest %}
