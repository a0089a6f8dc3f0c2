{#- The days that a run processes. They depend on `data_date`, not on the clock. -#}

{% macro data_date() -%}
    cast('{{ data_date_value() }}' as date)
{%- endmacro %}


{% macro data_date_value() -%}
    {%- if var('data_date', none) -%}
        {{- return(var('data_date')) -}}
    {%- endif -%}
    {{- return(newest_loaded_date()) -}}
{%- endmacro %}


{% macro newest_loaded_date() -%}
    {%- if not execute -%}
        {{- return(empty_warehouse_date()) -}}
    {%- endif -%}
    {%- set loads = source('ops', 'loads') -%}
    {%- if not load_relation(loads) -%}
        {{- return(empty_warehouse_date()) -}}
    {%- endif -%}
    {%- set newest = run_query(
        "select max(dt) from " ~ loads ~ " where source = 'orgs'"
    ) -%}
    {{- return((newest.columns[0].values()[0] or empty_warehouse_date()) | string) -}}
{%- endmacro %}


{% macro empty_warehouse_date() -%}
    {#- Data date of a warehouse without data. No row has this date. -#}
    {{- return('1970-01-01') -}}
{%- endmacro %}


{% macro window_from() -%}
    {#-
        First day to recompute. Late data reaches back late_arrival_days. One more day
        is needed because a late request can extend a session that started on the
        evening before.
    -#}
    {%- set first = var('data_date_from', none) or first_day_to_build() -%}
    (cast('{{ first }}' as date) - {{ var('late_arrival_days') + 1 }})
{%- endmacro %}


{% macro first_day_to_build() -%}
    {#-
        For a `dbt run` without `data_date_from`: the data date, or the day after the
        newest one in the model's table if that is earlier. Otherwise the days between
        them would be missing. Days that retention made final are kept.
    -#}
    {%- set day = data_date_value() -%}
    {%- if execute and model.resource_type == 'model' and is_incremental() -%}
        {%- set newest = run_query(
            "select max(" ~ config.get('meta').date_column ~ ") + 1 from " ~ this
        ).columns[0].values()[0] -%}
        {%- set after_newest = (newest or empty_warehouse_date()) | string -%}
        {{- return([day, [after_newest, first_open_date()] | max] | min) -}}
    {%- endif -%}
    {{- return(day) -}}
{%- endmacro %}


{% macro in_window(day) -%}
    {#- Incremental run: the window. Full refresh: every day up to the data date. -#}
    {%- if is_incremental() -%}
        {{ day }} between {{ window_from() }} and {{ data_date() }}
    {%- else -%}
        {{ day }} <= {{ data_date() }}
    {%- endif -%}
{%- endmacro %}


{% macro in_window_and_before(day, days) -%}
    {#- The window and `days` before it, for the inputs of rows in the window. -#}
    {%- if is_incremental() -%}
        {{ day }} between {{ window_from() }} - {{ days }} and {{ data_date() }}
    {%- else -%}
        {{ day }} <= {{ data_date() }}
    {%- endif -%}
{%- endmacro %}


{% macro is_before_window(day) -%}
    {#- Days before the window are final. A full refresh has none. -#}
    {%- if is_incremental() -%}
        {{ day }} < {{ window_from() }}
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}
