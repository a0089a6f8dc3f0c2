{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

with trials as (

    -- A trial that started in the target window has no snapshot before it.
    select *

    from {{ ref('int_org_trials_aggregated') }}

    where
        {{ in_window_and_before('generated_date', var('target_window_days')) }}

),

snapshot_dates as (

    select distinct generated_date

    from trials

    where {{ in_window('generated_date') }}

),

trials_with_next as (

    select
        *,
        lead(generated_date) over (
            partition by org_id
            order by generated_date
        ) as next_generated_date

    from trials

),

trials_last_seen as (

    -- The latest snapshot of each org on or before each snapshot date.
    select
        trials_with_next.*,
        snapshot_dates.generated_date as cohort_date

    from trials_with_next

    inner join snapshot_dates
        on
            trials_with_next.generated_date <= snapshot_dates.generated_date
            and (
                trials_with_next.next_generated_date is null
                or trials_with_next.next_generated_date
                > snapshot_dates.generated_date
            )

    where
        trials_with_next.trial_start_date
        > snapshot_dates.generated_date - {{ var('target_window_days') }}

),

trials_in_cohorts as (

    select
        *,
        case
            when is_paid
                then 'converted'
            when
                cohort_date - trial_start_date + 1
                > {{ var('trial_period_days') }}
                then 'not_converted'
        end as cohort

    from trials_last_seen

),

final as (

    select
        org_id,
        cohort,
        {{ usage_metrics() | join(',\n        ') }},
        cohort_date as generated_date,
        trial_start_date,
        generated_date as last_seen_date

    from trials_in_cohorts

    where cohort is not null

)

select * from final
