{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'generated_date'},
    dist='all',
    sort=['generated_date']
) }}

with cohorts as (

    select *

    from {{ ref('int_trial_cohorts') }}

    where {{ in_window('generated_date') }}

),

trial_days as (

    select *

    from {{ ref('int_org_trial_days_joined') }}

    where
        {{ in_window_and_before('metric_date', var('target_window_days')) }}
        and is_in_trial

),

cohort_days as (

    select
        cohorts.generated_date,
        cohorts.cohort,
        trial_days.org_day,
        {{ metric_columns('trial_days.{metric}') }}

    from cohorts

    inner join trial_days
        on
            cohorts.org_id = trial_days.org_id
            and cohorts.trial_start_date = trial_days.trial_start_date
            and cohorts.generated_date >= trial_days.metric_date

),

metric_values as (

    {{ unpivot_metrics(
        'cohort_days', ['generated_date', 'cohort', 'org_day']
    ) }}

),

final as (

    select
        cast(cohort as varchar(64)) as cohort,
        cast(metric_name as varchar(64)) as metric_name,
        org_day,
        {{ percentile(0.5, 'metric_value') }} as median_value,
        generated_date

    from metric_values

    group by cohort, metric_name, org_day, generated_date

)

select * from final
