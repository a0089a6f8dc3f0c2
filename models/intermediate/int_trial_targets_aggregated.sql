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

metric_values as (

    {{ unpivot_metrics('cohorts', ['generated_date', 'cohort']) }}

),

final as (

    -- Redshift allows several percentiles per select over one sort order.
    select
        cast(cohort as varchar(64)) as cohort,
        cast(metric_name as varchar(64)) as metric_name,
        count(*) as orgs,
        {{ percentile(0.5, 'metric_value') }} as median_value,
        {{ percentile(0.25, 'metric_value') }} as p25,
        {{ percentile(0.75, 'metric_value') }} as p75,
        generated_date

    from metric_values

    group by cohort, metric_name, generated_date

)

select * from final
