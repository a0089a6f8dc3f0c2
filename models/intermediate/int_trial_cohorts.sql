{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

with trials as (

    -- A trial that began within the target window has its snapshots there too.
    select *

    from {{ ref('int_org_trials_summarised') }}

    where
        {{ in_window_and_before('generated_date', var('target_window_days')) }}

),

nights as (

    select distinct generated_date

    from trials

    where {{ in_window('generated_date') }}

),

trials_until_next as (

    select
        *,
        lead(generated_date) over (
            partition by org_id
            order by generated_date
        ) as next_generated_date

    from trials

),

trials_as_last_seen as (

    -- For each night, the last snapshot that each org had by then.
    select
        trials_until_next.*,
        nights.generated_date as cohort_date

    from trials_until_next

    inner join nights
        on
            trials_until_next.generated_date <= nights.generated_date
            and (
                trials_until_next.next_generated_date is null
                or trials_until_next.next_generated_date > nights.generated_date
            )

    where
        trials_until_next.trial_start_date
        > nights.generated_date - {{ var('target_window_days') }}

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

    from trials_as_last_seen

),

final as (

    select
        org_id,
        cohort,
        hosts,
        integrations,
        dashboards,
        metrics,
        cohort_date as generated_date,
        trial_start_date,
        generated_date as last_seen_date

    from trials_in_cohorts

    where cohort is not null

)

select * from final
