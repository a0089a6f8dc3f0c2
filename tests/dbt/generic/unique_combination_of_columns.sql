{% test unique_key(model, columns, day=none) %}
    {#-
        The grain: no part of the key is null, and no key comes twice. With `day`,
        only the days that the run may have changed are looked at.
    -#}
    select {{ columns | join(', ') }}

    from {{ model }}

    {% if day -%}
        where {{ day }} between {{ window_from() }} and {{ data_date() }}
    {%- endif %}

    group by {{ columns | join(', ') }}

    having
        count(*) > 1
        {% for column in columns -%}
            or max(case when {{ column }} is null then 1 else 0 end) = 1
        {% endfor %}
{% endtest %}
