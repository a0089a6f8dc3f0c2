{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

with org_days as (

    select *

    from {{ ref('int_org_trial_days_joined') }}

    where {{ in_window('metric_date') }}

),

org_states as (

    select *

    from {{ ref('int_org_states_filled') }}

    where {{ in_window('metric_date') }}

),

billing_plans as (

    select * from {{ ref('billing_plans') }}

),

snapshot_dates as (

    -- A date has snapshots only if its orgs export was loaded. A date on which
    -- all states are forward-filled was never a data date.
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
        snapshot_dates.generated_date,
        org_days.trial_start_date

    from org_days

    inner join snapshot_dates
        on org_days.metric_date = snapshot_dates.generated_date

    left join billing_plans
        on org_days.billing_plan_id = billing_plans.billing_plan_id

)

select * from final
