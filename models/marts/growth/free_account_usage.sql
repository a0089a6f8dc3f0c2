{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'metric_date'},
    dist='org_id',
    sort=['metric_date', 'org_id']
) }}

with org_activity as (

    select *

    from {{ ref('org_activity') }}

    where
        {{ in_window('metric_date') }}
        and account_state = 'free'

),

billing_plans as (

    select * from {{ ref('billing_plans') }}

),

usage_with_limits as (

    -- A null included amount means that the plan has no limit.
    select
        org_activity.*,
        {{ metric_columns(
            'cast(billing_plans.included_{metric} as bigint)',
            'included_{metric}', 'is_included_in_plans'
        ) }},
        {{ metric_terms(
            'case when org_activity.{metric} >= billing_plans.included_{metric}'
            ~ ' then 1 else 0 end', '+', 'is_included_in_plans'
        ) }} as limits_reached

    from org_activity

    inner join billing_plans
        on org_activity.billing_plan_id = billing_plans.billing_plan_id

),

final as (

    select
        org_id,
        billing_plan_id,
        org_name,
        billing_plan_name,
        limits_reached,
        {% for metric in usage_metrics('is_included_in_plans') -%}
            {{ metric }},
            included_{{ metric }},
            {{ difference(metric, 'included_' ~ metric) }}
                as {{ metric }}_above,
        {% endfor -%}
        metric_date

    from usage_with_limits

    where limits_reached > 0

)

select * from final
