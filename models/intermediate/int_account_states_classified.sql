{{ config(materialized='view') }}

with org_states as (

    select * from {{ ref('int_org_states_filled') }}

),

billing_plans as (

    select * from {{ ref('billing_plans') }}

),

org_states_with_plans as (

    -- An unpaid plan with included units is a free plan: it does not expire.
    select
        org_states.*,
        coalesce(billing_plans.is_paid, false) as is_paid,
        {{ is_free_plan('billing_plans') }} as has_included_units,
        org_states.metric_date - org_states.trial_start_date + 1 as org_day

    from org_states

    left join billing_plans
        on org_states.billing_plan_id = billing_plans.billing_plan_id

),

final as (

    select
        org_id,
        billing_plan_id,
        org_name,
        billing_plan_name,
        cast(
            case
                when is_internal then null
                when is_paid then 'paid'
                when has_included_units then 'free'
                when org_day > {{ var('trial_period_days') }} then 'expired'
                when org_day >= 1 then 'trial'
            end as varchar(64)
        ) as account_state,
        is_internal,
        is_paid,
        metric_date,
        trial_start_date

    from org_states_with_plans

)

select * from final
