{% set month_days = var('usage_month_days') %}

{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'metric_date'},
    dist='org_id',
    sort=['metric_date', 'org_id']
) }}

with paid_orgs as (

    select *

    from {{ ref('org_activity') }}

    where
        {{ in_window('metric_date') }}
        and account_state = 'paid'

),

sampled_usage as (

    -- Usage on a day without samples is unknown, not zero. The change of a week
    -- needs seven days before, however short the month is.
    select
        org_id,
        {{ usage_metrics() | join(',\n        ') }},
        metric_date

    from {{ ref('org_activity') }}

    where
        {{ in_window_and_before('metric_date', [7, month_days] | max) }}
        and has_samples
        and org_id in (select paid_orgs.org_id from paid_orgs)

),

last_samples as (

    select
        paid_orgs.org_id,
        paid_orgs.metric_date,
        max(sampled_usage.metric_date) as sampled_date

    from paid_orgs

    inner join sampled_usage
        on
            paid_orgs.org_id = sampled_usage.org_id
            and sampled_usage.metric_date between
            paid_orgs.metric_date - {{ month_days }}
            and paid_orgs.metric_date

    group by 1, 2

),

paid_orgs_ranked as (

    -- On a day without samples an org keeps the rank of its last known usage.
    select
        paid_orgs.*,
        row_number() over (
            partition by paid_orgs.metric_date
            order by
                coalesce(last_usage.hosts, 0) desc,
                coalesce(last_usage.metrics, 0) desc,
                coalesce(last_usage.dashboards, 0) desc,
                coalesce(last_usage.integrations, 0) desc,
                paid_orgs.org_id asc
        ) as usage_rank

    from paid_orgs

    left join last_samples
        on
            paid_orgs.org_id = last_samples.org_id
            and paid_orgs.metric_date = last_samples.metric_date

    left join sampled_usage as last_usage
        on
            last_samples.org_id = last_usage.org_id
            and last_samples.sampled_date = last_usage.metric_date

),

final as (

    select
        paid_orgs.org_id,
        paid_orgs.billing_plan_id,
        paid_orgs.org_name,
        paid_orgs.billing_plan_name,
        paid_orgs.usage_rank,
        {% for metric in usage_metrics() -%}
            paid_orgs.{{ metric }},
            {{ difference('paid_orgs.' ~ metric, 'day_before.' ~ metric) }}
                as {{ metric }}_day_change,
            {{ difference('paid_orgs.' ~ metric, 'week_before.' ~ metric) }}
                as {{ metric }}_week_change,
            {{ difference('paid_orgs.' ~ metric, 'month_before.' ~ metric) }}
                as {{ metric }}_month_change,
        {% endfor -%}
        paid_orgs.has_samples,
        paid_orgs.metric_date

    from paid_orgs_ranked as paid_orgs

    left join sampled_usage as day_before
        on
            paid_orgs.org_id = day_before.org_id
            and paid_orgs.metric_date = day_before.metric_date + 1
            and paid_orgs.has_samples

    left join sampled_usage as week_before
        on
            paid_orgs.org_id = week_before.org_id
            and paid_orgs.metric_date = week_before.metric_date + 7
            and paid_orgs.has_samples

    left join sampled_usage as month_before
        on
            paid_orgs.org_id = month_before.org_id
            and paid_orgs.metric_date
            = month_before.metric_date + {{ month_days }}
            and paid_orgs.has_samples

)

select * from final
