{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'metric_date'},
    dist='org_id',
    sort=['metric_date', 'org_id']
) }}

with org_states as (

    select *

    from {{ ref('int_org_states_filled') }}

    where {{ in_window('metric_date') }}

),

usage as (

    select *

    from {{ ref('int_org_usage_daily') }}

    where {{ in_window('metric_date') }}

),

activity as (

    select *

    from {{ ref('int_org_activity_daily') }}

    where {{ in_window('metric_date') }}

),

trials_by_day as (

    select
        *,
        metric_date - trial_start_date + 1 as org_day

    from org_states

    where
        not is_internal
        and trial_start_date is not null

),

trials_in_window as (

    select *

    from trials_by_day

    where
        org_day >= 1
        and org_day
        < {{ var('trial_period_days') }}
        + {{ var('extra_conversion_period_days') }}

),

final as (

    select
        trials.org_id,
        trials.billing_plan_id,
        trials.org_name,
        trials.billing_plan_name,
        cast(trials.org_day as integer) as org_day,
        {{ metric_columns('coalesce(usage.{metric}, 0)') }},
        coalesce(activity.log_events, 0) as log_events,
        coalesce(activity.active_users, 0) as active_users,
        coalesce(activity.error_events, 0) as error_events,
        coalesce(activity.sessions, 0) as sessions,
        cast(
            coalesce(activity.session_minutes, 0) as numeric(38, 2)
        ) as session_minutes,
        trials.org_day <= {{ var('trial_period_days') }} as is_in_trial,
        trials.metric_date,
        trials.trial_start_date

    from trials_in_window as trials

    left join usage
        on
            trials.org_id = usage.org_id
            and trials.metric_date = usage.metric_date

    left join activity
        on
            trials.org_id = activity.org_id
            and trials.metric_date = activity.metric_date

)

select * from final
