{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

with org_days as (

    select *

    from {{ ref('fct_org_day') }}

    where {{ in_window('metric_date') }}

),

org_states as (

    select *

    from {{ ref('int_org_states_carried') }}

    where {{ in_window('metric_date') }}

),

billing_plans as (

    select * from {{ ref('billing_plans') }}

),

nights as (

    -- A night has snapshots when its export of accounts was loaded: a day that
    -- only carries older states was never a data date.
    select distinct metric_date as generated_date

    from org_states

    where days_old = 0

),

final as (

    select
        org_days.org_id,
        org_days.billing_plan_id,
        org_days.org_name,
        org_days.billing_plan_name,
        org_days.org_day,
        coalesce(billing_plans.is_paid, false) as is_paid,
        nights.generated_date,
        org_days.trial_start_date

    from org_days

    inner join nights
        on org_days.metric_date = nights.generated_date

    left join billing_plans
        on org_days.billing_plan_id = billing_plans.billing_plan_id

)

select * from final
