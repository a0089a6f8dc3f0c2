{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

{% set window_days = (
    var('trial_period_days') + var('extra_conversion_period_days')
) %}

with trials as (

    select *

    from {{ ref('int_org_trial_spine') }}

    where {{ in_window('generated_date') }}

),

org_days as (

    select *

    from {{ ref('int_org_trial_days_joined') }}

    where {{ in_window_and_before('metric_date', window_days) }}

),

billing_plans as (

    select * from {{ ref('billing_plans') }}

),

trial_histories as (

    -- Days up to the snapshot, of the same trial: a restart is a new trial.
    select
        trials.generated_date,
        org_days.*,
        coalesce(billing_plans.is_paid, false) as is_paid

    from trials

    inner join org_days
        on
            trials.org_id = org_days.org_id
            and trials.trial_start_date = org_days.trial_start_date
            and trials.generated_date >= org_days.metric_date

    left join billing_plans
        on org_days.billing_plan_id = billing_plans.billing_plan_id

),

trials_aggregated as (

    select
        org_id,
        generated_date,
        min(case when is_paid then metric_date end) as converted_on,
        min(case when is_paid then org_day end) as days_to_convert,
        max(case when log_events > 0 then metric_date end) as last_active_date,
        count(case when is_in_trial then 1 end) as trial_days,
        max(case when is_in_trial then metric_date end) as last_trial_date,
        {{ metric_columns(
            'max(case when is_in_trial then {metric} end)', 'max_{metric}'
        ) }},
        count(case when is_in_trial and log_events > 0 then 1 end)
            as active_days,
        max(case when is_in_trial then active_users end) as active_users,
        sum(case when is_in_trial then log_events end) as log_events,
        sum(case when is_in_trial then sessions end) as sessions

    from trial_histories

    group by 1, 2

),

final as (

    select
        trials.org_id,
        trials.billing_plan_id,
        trials.org_name,
        trials.billing_plan_name,
        trials.org_day,
        cast(
            greatest(
                0, {{ var('trial_period_days') }} - trials.org_day
            ) as integer
        ) as days_left_in_trial,
        cast(aggregated.days_to_convert as integer) as days_to_convert,
        aggregated.trial_days,
        {{ metric_columns('last_trial_days.{metric}') }},
        {{ metric_columns('aggregated.max_{metric}', 'max_{metric}') }},
        aggregated.active_days,
        aggregated.active_users,
        cast(coalesce(aggregated.log_events, 0) as bigint) as log_events,
        cast(coalesce(aggregated.sessions, 0) as bigint) as sessions,
        trials.is_paid,
        trials.generated_date,
        trials.trial_start_date,
        aggregated.converted_on,
        aggregated.last_active_date

    from trials

    inner join trials_aggregated as aggregated
        on
            trials.org_id = aggregated.org_id
            and trials.generated_date = aggregated.generated_date

    left join org_days as last_trial_days
        on
            aggregated.org_id = last_trial_days.org_id
            and aggregated.last_trial_date = last_trial_days.metric_date

)

select * from final
