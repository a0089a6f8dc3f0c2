{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    meta={'replaces': 'metric_date'},
    dist='org_id',
    sort=['metric_date', 'org_id']
) }}

with orgs as (

    select *

    from {{ ref('stg_app__orgs') }}

    where
        {{ in_window_and_before(
            'partition_date', var('org_carry_forward_days')
        ) }}

),

days_carried as (

    -- 0 is the line's own day.
    select cast(generated_number - 1 as integer) as days_old

    from (
        {{ dbt.generate_series(var('org_carry_forward_days') + 1) }}
    ) as numbers

),

orgs_until_next as (

    select
        *,
        lead(partition_date) over (
            partition by org_id
            order by partition_date
        ) as next_partition_date

    from orgs

),

orgs_carried as (

    -- A line stands until the org's next one, or until it is too old.
    select
        orgs_until_next.*,
        days_carried.days_old,
        orgs_until_next.partition_date + days_carried.days_old as metric_date

    from orgs_until_next

    cross join days_carried

    where
        orgs_until_next.next_partition_date is null
        or orgs_until_next.partition_date + days_carried.days_old
        < orgs_until_next.next_partition_date

),

final as (

    select
        org_id,
        billing_plan_id,
        org_name,
        billing_plan_name,
        days_old,
        is_internal,
        metric_date,
        trial_start_date

    from orgs_carried

    where {{ in_window('metric_date') }}

)

select * from final
