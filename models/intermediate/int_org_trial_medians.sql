{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'generated_date'},
    dist='org_id',
    sort=['generated_date', 'org_id']
) }}

with trials as (

    select *

    from {{ ref('int_org_trial_spine') }}

    where {{ in_window('generated_date') }}

),

trial_days as (

    select *

    from {{ ref('int_org_trial_days_joined') }}

    where
        {{ in_window_and_before(
            'metric_date',
            var('trial_period_days') + var('extra_conversion_period_days')
        ) }}
        and is_in_trial

),

trial_days_by_snapshot as (

    select
        trials.generated_date,
        trial_days.*

    from trials

    inner join trial_days
        on
            trials.org_id = trial_days.org_id
            and trials.trial_start_date = trial_days.trial_start_date
            and trials.generated_date >= trial_days.metric_date

),

metric_values as (

    {{ unpivot_metrics(
        'trial_days_by_snapshot', ['org_id', 'generated_date']
    ) }}

),

final as (

    -- Redshift allows one sort order per select, so the metrics are in rows.
    select
        org_id,
        metric_name,
        {{ percentile(0.5, 'metric_value') }} as median_value,
        generated_date

    from metric_values

    group by 1, 2, 4

)

select * from final
