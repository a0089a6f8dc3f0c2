{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'metric_date'},
    dist='org_id',
    sort=['metric_date', 'org_id']
) }}

with samples as (

    select *

    from {{ ref('stg_app__usage_samples') }}

    where
        {{ in_window('metric_date') }}
        and {{ in_window('partition_date') }}

),

integrations_named as (

    {{ select_json_strings(
        'samples', 'integrations', 'integration', ['org_id', 'metric_date']
    ) }}

),

integrations_counted as (

    select
        org_id,
        metric_date,
        count(distinct integration) as integrations

    from integrations_named

    group by 1, 2

),

samples_by_day as (

    -- Duplicate samples do not change a maximum.
    select
        org_id,
        metric_date,
        max(hosts) as hosts,
        max(dashboards) as dashboards,
        max(metrics) as metrics,
        count(*) as samples

    from samples

    group by 1, 2

),

final as (

    select
        samples_by_day.org_id,
        samples_by_day.hosts,
        coalesce(integrations_counted.integrations, 0) as integrations,
        samples_by_day.dashboards,
        samples_by_day.metrics,
        samples_by_day.samples,
        samples_by_day.metric_date

    from samples_by_day

    left join integrations_counted
        on
            samples_by_day.org_id = integrations_counted.org_id
            and samples_by_day.metric_date = integrations_counted.metric_date

)

select * from final
