{% set window_days = (
    var('trial_period_days') + var('extra_conversion_period_days')
) %}

{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={
        'date_column': 'trial_start_date',
        'rows_change_for_days': window_days
    },
    dist='org_id',
    sort=['trial_start_date', 'org_id']
) }}

with org_days as (

    -- The outcome of trials that started earlier is final.
    select *

    from {{ ref('int_org_trial_days_joined') }}

    where
        {{ in_window_and_before('metric_date', window_days) }}
        and {{ in_window_and_before('trial_start_date', window_days) }}

),

billing_plans as (

    select * from {{ ref('billing_plans') }}

),

trials_aggregated as (

    select
        org_days.org_id,
        org_days.trial_start_date,
        max(case when org_days.is_in_trial then org_days.hosts end)
            as max_hosts,
        count(
            case
                when org_days.is_in_trial and org_days.log_events > 0 then 1
            end
        ) as active_days,
        min(case when billing_plans.is_paid then org_days.org_day end)
            as days_to_convert,
        min(org_days.org_day) as first_org_day

    from org_days

    left join billing_plans
        on org_days.billing_plan_id = billing_plans.billing_plan_id

    group by 1, 2

),

final as (

    select
        org_id,
        cast(days_to_convert as integer) as days_to_convert,
        active_days,
        first_org_day,
        coalesce(max_hosts, 0) > 0
        and active_days
        >= {{ var('activation_active_days') }} as is_activated,
        days_to_convert is not null as is_converted,
        trial_start_date,
        cast(
            {{ dbt.date_trunc('week', 'trial_start_date') }} as date
        ) as cohort_week

    from trials_aggregated

)

select * from final
