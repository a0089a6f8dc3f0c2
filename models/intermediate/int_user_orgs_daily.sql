{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'event_date'},
    sort=['event_date', 'user_id']
) }}

with events as (

    select *

    from {{ ref('int_app_events_deduplicated') }}

    where
        {{ in_window('event_date') }}
        and user_id is not null

),

ranked_events as (

    select
        *,
        row_number() over (
            partition by user_id, event_date
            order by occurred_at desc, event_id desc
        ) as recency

    from events

),

final as (

    select
        user_id,
        org_id,
        event_id as last_event_id,
        event_date,
        occurred_at as last_event_at

    from ranked_events

    where recency = 1

)

select * from final
