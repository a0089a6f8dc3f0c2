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

    select
        event_id,
        org_id,
        user_id,
        level,
        is_error,
        event_date,
        partition_date,
        occurred_at

    from {{ ref('stg_app__events') }}

    where
        {{ in_window('event_date') }}
        and {{ in_window('partition_date') }}

),

repeated_events as (

    -- Copies are few. Finding them first is cheaper than ranking every event.
    select event_id

    from events

    group by 1

    having count(*) > 1

),

copies_ranked as (

    -- After partition and timestamp, the smallest text of the columns in the
    -- log's order wins. Copies that differ only in columns after the level give
    -- the same row.
    select
        events.*,
        row_number() over (
            partition by events.event_id
            order by
                events.partition_date asc,
                events.occurred_at asc,
                cast(events.org_id as varchar(20)) asc nulls first,
                cast(events.user_id as varchar(20)) asc nulls first,
                events.level asc nulls first
        ) as copy_number

    from events

    inner join repeated_events
        on events.event_id = repeated_events.event_id

),

events_with_copies as (

    select
        events.*,
        1 as copy_number

    from events

    left join repeated_events
        on events.event_id = repeated_events.event_id

    where repeated_events.event_id is null

    union all

    select * from copies_ranked

),

final_events as (

    -- Days before the window are final. Their events came in earlier
    -- partitions, so they take precedence over copies in the window. The
    -- join reads only the event_id column of the large existing table.
    select distinct existing_events.event_id

    from {{ existing_relation }} as existing_events

    inner join events
        on existing_events.event_id = events.event_id

    where {{ is_before_window('existing_events.event_date') }}

),

final as (

    select
        events.event_id,
        events.org_id,
        events.user_id,
        events.is_error,
        events.event_date,
        events.partition_date,
        events.occurred_at

    from events_with_copies as events

    left join final_events
        on events.event_id = final_events.event_id

    where
        events.copy_number = 1
        and final_events.event_id is null

)

select * from final
