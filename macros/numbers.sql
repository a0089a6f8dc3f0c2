{#-
    Arithmetic with whole numbers from the raw records. They have up to 64 bits, so a
    result needs a wider type than its inputs, and they are cast before the operation.
-#}

{% macro percentile(fraction, value) -%}
    {#- Interpolated percentile of whole numbers, exact for 0.25, 0.5 and 0.75. -#}
    {{- return(adapter.dispatch('percentile', 'nightshift')(fraction, value)) -}}
{%- endmacro %}

{% macro default__percentile(fraction, value) -%}
    {#-
        22 digits hold every bigint with two decimals. AWS advises against ordering a
        percentile by a decimal with the maximum of 38 digits.
    -#}
    cast(
        percentile_cont({{ fraction }}) within group (
            order by cast({{ value }} as numeric(22, 2))
        ) as numeric(38, 2)
    )
{%- endmacro %}

{% macro duckdb__percentile(fraction, value) -%}
    {#- DuckDB interpolates with floating-point numbers, also between decimals. -#}
    {%- set position -%}
        (cast({{ fraction }} as numeric(3, 2)) * (count({{ value }}) - 1))
    {%- endset -%}
    {%- set values_in_order -%}
        list_sort(list({{ value }}) filter (where {{ value }} is not null))
    {%- endset -%}
    {%- set below -%}
        cast(
            {{ values_in_order }}[cast(floor({{ position }}) as bigint) + 1]
            as numeric(22, 2)
        )
    {%- endset -%}
    {%- set above -%}
        cast(
            {{ values_in_order }}[cast(ceil({{ position }}) as bigint) + 1]
            as numeric(22, 2)
        )
    {%- endset -%}
    cast(
        {{ below }} + ({{ above }} - {{ below }})
        * ({{ position }} - floor({{ position }})) as numeric(38, 2)
    )
{%- endmacro %}


{% macro difference(minuend, subtrahend) -%}
    {#- Difference of two whole numbers, which can need one bit more than they do. -#}
    cast(
        cast({{ minuend }} as numeric(38, 0))
        - cast({{ subtrahend }} as numeric(38, 0)) as numeric(38, 0)
    )
{%- endmacro %}
