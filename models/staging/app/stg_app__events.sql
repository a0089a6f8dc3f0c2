with events as (

    select * from {{ source('app', 'raw_app_logs') }}

),

dated_events as (

    select
        *,
        cast(ts as date) as event_date

    from events

),

final as (

    -- Events outside the late-arrival period are never counted.
    select
        event_id,
        org_id,
        user_id,
        object_key,
        event,
        path,
        status,
        duration_ms,
        upper(level) in ('ERROR', 'CRITICAL') as is_error,
        event_date,
        dt as partition_date,
        ts as occurred_at

    from dated_events

    where event_date between dt - {{ var('late_arrival_days') }} and dt

)

select * from final
