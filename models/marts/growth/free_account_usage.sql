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
        cast(billing_plans.included_hosts as bigint) as included_hosts,
        cast(billing_plans.included_integrations as bigint)
            as included_integrations,
        cast(billing_plans.included_dashboards as bigint)
            as included_dashboards,
        cast(billing_plans.included_metrics as bigint) as included_metrics,
        case
            when org_activity.hosts >= billing_plans.included_hosts then 1
            else 0
        end
        + case
            when
                org_activity.integrations >= billing_plans.included_integrations
                then 1
            else 0
        end
        + case
            when org_activity.dashboards >= billing_plans.included_dashboards
                then 1
            else 0
        end
        + case
            when org_activity.metrics >= billing_plans.included_metrics then 1
            else 0
        end as limits_reached

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
        hosts,
        included_hosts,
        {{ difference('hosts', 'included_hosts') }} as hosts_above,
        integrations,
        included_integrations,
        {{ difference('integrations', 'included_integrations') }}
            as integrations_above,
        dashboards,
        included_dashboards,
        {{ difference('dashboards', 'included_dashboards') }}
            as dashboards_above,
        metrics,
        included_metrics,
        {{ difference('metrics', 'included_metrics') }} as metrics_above,
        metric_date

    from usage_with_limits

    where limits_reached > 0

)

select * from final
