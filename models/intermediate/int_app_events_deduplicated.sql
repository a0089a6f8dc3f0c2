{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'event_date'},
    dist='org_id',
    sort=['event_date', 'org_id']
) }}

{% set kept_relation = this if is_incremental() else ref('stg_app__events') %}

with events as (

    select *

    from {{ ref('stg_app__events') }}

    where
        {{ in_window('event_date') }}
        and {{ in_window('partition_date') }}

),

ranked_events as (

    select
        *,
        row_number() over (
            partition by event_id
            order by
                partition_date,
                occurred_at,
                object_key,
                org_id,
                user_id,
                is_error
        ) as copy_number

    from events

),

settled_copies as (

    -- Days before the window are settled: their copies came in earlier
    -- partitions than any that is new, so they win over copies inside it.
    -- Joined to the few new events, one column of the many old ones is read.
    select distinct kept_events.event_id

    from {{ kept_relation }} as kept_events

    inner join events
        on kept_events.event_id = events.event_id

    where {{ is_settled('kept_events.event_date') }}

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

    left join settled_copies
        on ranked_events.event_id = settled_copies.event_id

    where
        ranked_events.copy_number = 1
        and settled_copies.event_id is null

)

select * from final
