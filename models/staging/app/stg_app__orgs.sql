with org_records as (

    select * from {{ source('app', 'raw_orgs') }}

),

ranked_org_records as (

    -- An export can contain an org more than once; the latest update wins. The
    -- other sort columns only make the choice deterministic.
    select
        *,
        row_number() over (
            partition by dt, org_id
            order by
                updated_at desc,
                object_key desc,
                org_name desc,
                billing_plan_id desc,
                trial_started_at desc
        ) as recency

    from org_records

),

final as (

    select
        org_id,
        billing_plan_id,
        org_name,
        billing_plan_name,
        country,
        owner_email,
        is_internal,
        dt as partition_date,
        cast(trial_started_at as date) as trial_start_date,
        trial_started_at,
        created_at,
        updated_at

    from ranked_org_records

    where recency = 1

)

select * from final
