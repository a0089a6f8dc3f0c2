{% set window_days = (
    var('trial_period_days') + var('extra_conversion_period_days')
) %}

{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={
        'date_column': 'cohort_week',
        'rows_change_for_days': window_days + 7
    },
    dist='all',
    sort=['cohort_week']
) }}

with trials as (

    -- A week changes until the window of its last trial is over.
    select *

    from {{ ref('int_trial_outcomes') }}

    where {{ in_window_and_before('cohort_week', window_days + 7) }}

),

trials_counted as (

    select
        cohort_week,
        count(*) as trials,
        count(case when first_org_day > 1 then 1 end) as trials_seen_late,
        count(case when is_activated then 1 end) as activated,
        count(case when is_converted then 1 end) as converted,
        max(trial_start_date) as last_start_date

    from trials

    group by 1

),

medians as (

    select
        cohort_week,
        {{ percentile(0.5, 'days_to_convert') }} as median_days_to_convert

    from trials

    where is_converted

    group by 1

),

final as (

    -- While trials of the week run or can still start, its rate would be too
    -- low. A week is settled once trials that began on its Sunday have reached
    -- the last day of their window, org_day {{ window_days - 1 }}.
    select
        trials_counted.trials,
        trials_counted.trials_seen_late,
        trials_counted.activated,
        trials_counted.converted,
        case
            when
                trials_counted.last_start_date
                + {{ var('trial_period_days') }} <= {{ data_date() }}
                and trials_counted.cohort_week + 6 <= {{ data_date() }}
                then
                    cast(trials_counted.converted as double precision)
                    / trials_counted.trials
        end as conversion_rate,
        medians.median_days_to_convert,
        trials_counted.cohort_week + 6 + {{ window_days - 2 }}
        <= {{ data_date() }} as is_settled,
        trials_counted.cohort_week

    from trials_counted

    left join medians
        on trials_counted.cohort_week = medians.cohort_week

)

select * from final
