{% macro session_key(visitor_id, started_at) -%}
    {#- Id of a session. It is stable because visitor and start time do not change. -#}
    md5(
        {{ visitor_id }} || '|' || {{ timestamp_to_text(started_at) }}
    )
{%- endmacro %}


{% macro timestamp_to_text(timestamp) -%}
    {#- `YYYY-MM-DD HH:MM:SS`, the same on DuckDB and Redshift. -#}
    {{- return(adapter.dispatch('timestamp_to_text', 'nightshift')(timestamp)) -}}
{%- endmacro %}

{% macro default__timestamp_to_text(timestamp) -%}
    strftime({{ timestamp }}, '%Y-%m-%d %H:%M:%S')
{%- endmacro %}

{% macro redshift__timestamp_to_text(timestamp) -%}
    to_char({{ timestamp }}, 'YYYY-MM-DD HH24:MI:SS')
{%- endmacro %}
