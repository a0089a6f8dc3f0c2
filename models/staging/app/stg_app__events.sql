with events as (

    select * from {{ source('app', 'raw_app_logs') }}

),

trimmed_events as (

    select
        {{ without_trailing_blanks('event_id') }} as event_id,
        org_id,
        user_id,
        {{ without_trailing_blanks('level') }} as level,
        {{ without_trailing_blanks('event') }} as event,
        {{ without_trailing_blanks('path') }} as path,
        status,
        duration_ms,
        cast(ts as date) as event_date,
        dt as partition_date,
        ts as occurred_at

    from events

),

final as (

    -- Events outside the late-arrival period are never counted.
    select
        event_id,
        org_id,
        user_id,
        level,
        event,
        path,
        status,
        duration_ms,
        upper(level) in ('ERROR', 'CRITICAL') as is_error,
        event_date,
        partition_date,
        occurred_at

    from trimmed_events

    where
        event_date
        between partition_date - {{ var('late_arrival_days') }}
        and partition_date

)

select * from final
