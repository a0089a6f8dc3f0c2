{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'metric_date'},
    dist='org_id',
    sort=['metric_date', 'org_id']
) }}

with trial_days as (

    select *

    from {{ ref('int_org_trial_days_joined') }}

    where {{ in_window('metric_date') }}

),

final as (

    select
        org_id,
        billing_plan_id,
        org_name,
        billing_plan_name,
        org_day,
        {{ usage_metrics() | join(',\n        ') }},
        log_events,
        active_users,
        error_events,
        sessions,
        session_minutes,
        is_in_trial,
        metric_date,
        trial_start_date

    from trial_days

)

select * from final
