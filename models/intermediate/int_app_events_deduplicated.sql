{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'event_date'},
    dist='org_id',
    sort=['event_date', 'org_id']
) }}

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
            order by partition_date, occurred_at, object_key, org_id, user_id
        ) as copy_number

    from events

),

final as (

    -- Days before the window are settled: their copies came in earlier
    -- partitions than any that is new, so they win over copies inside it.
    select
        ranked_events.event_id,
        ranked_events.org_id,
        ranked_events.user_id,
        ranked_events.is_error,
        ranked_events.event_date,
        ranked_events.partition_date,
        ranked_events.occurred_at

    from ranked_events

    where
        ranked_events.copy_number = 1
        {% if is_incremental() %}
            and not exists (
                select 1

                from {{ this }} as settled_events

                where
                    settled_events.event_id = ranked_events.event_id
                    and settled_events.event_date < {{ window_from() }}
            )
        {% endif %}

)

select * from final
