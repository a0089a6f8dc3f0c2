{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'generated_date'},
    dist='all',
    sort=['generated_date']
) }}

with targets as (

    select *

    from {{ ref('int_trial_targets_aggregated') }}

    where {{ in_window('generated_date') }}

),

final as (

    select
        cohort,
        metric_name,
        orgs,
        median_value,
        p25,
        p75,
        generated_date

    from targets

)

select * from final
