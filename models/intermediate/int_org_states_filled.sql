{{ config(
    materialized='incremental',
    incremental_strategy='delete_insert_by_day',
    meta={'date_column': 'metric_date'},
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

fill_days as (

    -- Day 0 is the partition date of the record itself.
    select cast(generated_number - 1 as integer) as days_old

    from (
        {{ dbt.generate_series(var('org_carry_forward_days') + 1) }}
    ) as numbers

),

orgs_with_next as (

    select
        *,
        lead(partition_date) over (
            partition by org_id
            order by partition_date
        ) as next_partition_date

    from orgs

),

orgs_filled as (

    -- A record is valid until the org's next record or until it is too old.
    select
        orgs_with_next.*,
        fill_days.days_old,
        orgs_with_next.partition_date + fill_days.days_old as metric_date

    from orgs_with_next

    cross join fill_days

    where
        orgs_with_next.next_partition_date is null
        or orgs_with_next.partition_date + fill_days.days_old
        < orgs_with_next.next_partition_date

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

    from orgs_filled

    where {{ in_window('metric_date') }}

)

select * from final
