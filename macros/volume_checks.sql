{% macro warn_or_fail(query, error_var) -%}
    {#-
        Body of a volume test. `query` returns one row per finding, with its `ratio` to
        the baseline and a `message`. A ratio below the var `error_var` fails the test
        with the messages as its error text. Other findings are logged, and the severity
        of the test decides. Outside `dbt build` and `dbt test` this is just the query.
    -#}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set errors = [] -%}
        {%- for finding in run_query(query).rows -%}
            {%- if finding['ratio'] < var(error_var) -%}
                {%- do errors.append(finding['message']) -%}
            {%- else -%}
                {%- do log(finding['message'], info=True) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if errors -%}
            {%- do errors.append(
                'If this volume is correct, lower ' ~ error_var
                ~ ' in dbt_project.yml and run again.'
            ) -%}
            {{ exceptions.raise_compiler_error(errors | join('\n  ')) }}
        {%- endif -%}
    {%- endif -%}
    {{ query }}
{%- endmacro %}


{% macro ratio_to_baseline(value, baseline) -%}
    {#- The value divided by its baseline, or 1 where the baseline is 0. -#}
    coalesce(
        cast({{ value }} as double precision)
        / nullif(cast({{ baseline }} as double precision), 0),
        1
    )
{%- endmacro %}


{% macro first_data_date() -%}
    {#- The first data date of the run, without the days before it for late data. -#}
    ({{ window_from() }} + {{ var('late_arrival_days') + 1 }})
{%- endmacro %}
