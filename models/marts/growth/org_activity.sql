{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'metric_date'},
    dist='org_id',
    sort=['metric_date', 'org_id']
) }}

with account_states as (

    select *

    from {{ ref('int_account_states_classified') }}

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

final as (

    select
        account_states.org_id,
        account_states.billing_plan_id,
        account_states.org_name,
        account_states.billing_plan_name,
        account_states.account_state,
        {{ metric_columns('coalesce(usage.{metric}, 0)') }},
        coalesce(activity.log_events, 0) as log_events,
        coalesce(activity.active_users, 0) as active_users,
        coalesce(activity.error_events, 0) as error_events,
        coalesce(activity.sessions, 0) as sessions,
        cast(
            coalesce(activity.session_minutes, 0) as numeric(38, 2)
        ) as session_minutes,
        usage.samples is not null as has_samples,
        account_states.is_internal,
        account_states.is_paid,
        account_states.metric_date,
        account_states.trial_start_date

    from account_states

    left join usage
        on
            account_states.org_id = usage.org_id
            and account_states.metric_date = usage.metric_date

    left join activity
        on
            account_states.org_id = activity.org_id
            and account_states.metric_date = activity.metric_date

)

select * from final
