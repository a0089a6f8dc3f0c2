{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'event_date'},
    dist='org_id',
    sort=['event_date', 'org_id']
) }}

{% set existing_relation = (
    this if is_incremental() else ref('stg_app__events')
) %}

with events as (

    select *

    from {{ ref('stg_app__events') }}

    where
        {{ in_window('event_date') }}
        and {{ in_window('partition_date') }}

),

ranked_events as (

    -- After partition and timestamp, the smallest text of the columns in the
    -- log's order wins. Copies that differ only in their attributes give the
    -- same row.
    select
        *,
        row_number() over (
            partition by event_id
            order by
                partition_date asc,
                occurred_at asc,
                cast(org_id as varchar(20)) asc nulls first,
                cast(user_id as varchar(20)) asc nulls first,
                level asc nulls first,
                event asc nulls first,
                path asc nulls first,
                cast(status as varchar(20)) asc nulls first,
                cast(duration_ms as varchar(20)) asc nulls first
        ) as duplicate_number

    from events

),

final_events as (

    -- Days before the window are final. Their events came in earlier
    -- partitions, so they take precedence over duplicates in the window. The
    -- join reads only the event_id column of the large existing table.
    select distinct existing_events.event_id

    from {{ existing_relation }} as existing_events

    inner join events
        on existing_events.event_id = events.event_id

    where {{ is_before_window('existing_events.event_date') }}

),

final as (

    select
        ranked_events.event_id,
        ranked_events.org_id,
        ranked_events.user_id,
        ranked_events.is_error,
        ranked_events.event_date,
        ranked_events.partition_date,
        ranked_events.occurred_at

    from ranked_events

    left join final_events
        on ranked_events.event_id = final_events.event_id

    where
        ranked_events.duplicate_number = 1
        and final_events.event_id is null

)

select * from final
