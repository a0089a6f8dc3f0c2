with org_lines as (

    select * from {{ source('app', 'raw_orgs') }}

),

ranked_org_lines as (

    -- An export can hold an org twice: what was updated last is its state. The
    -- rest of the order only makes sure that every build picks the same line.
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

    from org_lines

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

    from ranked_org_lines

    where recency = 1

)

select * from final
