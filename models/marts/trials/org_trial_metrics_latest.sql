{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    unique_key='org_id',
    meta={'date_column': 'generated_date'},
    dist='org_id',
    sort=['org_id']
) }}

{#- A full refresh reads only the snapshots. -#}
{% set existing_relation = (
    this if is_incremental() else ref('fct_org_trial_metrics')
) %}

with snapshots as (

    -- Includes snapshots after the window, so that rerunning an earlier date
    -- does not replace a later snapshot.
    select *

    from {{ ref('fct_org_trial_metrics') }}

    {% if is_incremental() %}
        where generated_date >= {{ window_from() }}
    {% endif %}

),

orgs_without_snapshot as (

    -- Their latest snapshot was in the window and no longer exists.
    select existing.org_id

    from {{ existing_relation }} as existing

    left join snapshots
        on existing.org_id = snapshots.org_id

    where
        existing.generated_date >= {{ window_from() }}
        and snapshots.org_id is null

),

earlier_snapshots as (

    -- These orgs are rare, so the history is seldom read.
    select trial_metrics.*

    from {{ ref('fct_org_trial_metrics') }} as trial_metrics

    inner join orgs_without_snapshot
        on trial_metrics.org_id = orgs_without_snapshot.org_id

    where trial_metrics.generated_date < {{ window_from() }}

),

candidates as (

    select * from snapshots

    union all

    select * from earlier_snapshots

),

candidates_ranked as (

    select
        *,
        row_number() over (
            partition by org_id
            order by generated_date desc
        ) as recency

    from candidates

),

final as (

    select
        org_id,
        billing_plan_id,
        org_name,
        billing_plan_name,
        org_day,
        days_left_in_trial,
        days_to_convert,
        trial_days,
        {{ metric_columns('{metric}') }},
        {{ metric_columns('max_{metric}', 'max_{metric}') }},
        {{ metric_columns('median_{metric}', 'median_{metric}') }},
        active_days,
        active_users,
        log_events,
        sessions,
        target_attainment,
        is_paid,
        generated_date,
        trial_start_date,
        converted_on,
        last_active_date

    from candidates_ranked

    where recency = 1

)

select * from final
