{#-
    Arithmetic with whole numbers from the raw records. They have up to 64 bits, so a
    result needs a wider type than its inputs, and they are cast before the operation.
-#}

{% macro percentile(fraction, value) -%}
    {#-
        Interpolated percentile of a whole number, exact. 22 digits hold any bigint with
        two decimals; AWS advises against ordering a percentile by all 38 digits.
    -#}
    cast(
        percentile_cont({{ fraction }}) within group (
            order by cast({{ value }} as numeric(22, 2))
        ) as numeric(38, 2)
    )
{%- endmacro %}


{% macro difference(minuend, subtrahend) -%}
    {#- Difference of two whole numbers, which can need one bit more than they do. -#}
    cast(
        cast({{ minuend }} as numeric(38, 0))
        - cast({{ subtrahend }} as numeric(38, 0)) as numeric(38, 0)
    )
{%- endmacro %}
