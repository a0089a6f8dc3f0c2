{% macro without_trailing_blanks(text) -%}
    {#-
        Redshift ignores trailing blanks when it compares texts, DuckDB does not. The
        check makes it cheap for the usual text, which has none.
    -#}
    case
        when {{ text }} like '% ' then rtrim({{ text }}, ' ')
        else {{ text }}
    end
{%- endmacro %}
