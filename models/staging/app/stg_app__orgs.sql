with org_records as (

    select * from {{ source('app', 'raw_orgs') }}

),

trimmed_org_records as (

    select
        org_id,
        billing_plan_id,
        {{ without_trailing_blanks('org_name') }} as org_name,
        {{ without_trailing_blanks('billing_plan_name') }} as billing_plan_name,
        {{ without_trailing_blanks('country') }} as country,
        {{ without_trailing_blanks('owner_email') }} as owner_email,
        is_internal,
        dt as partition_date,
        cast(trial_started_at as date) as trial_start_date,
        trial_started_at,
        created_at,
        updated_at

    from org_records

),

ranked_org_records as (

    -- An export can contain an org more than once; the latest update wins, and
    -- of equal updates the smallest text of the columns in the export's order.
    -- Timestamps and booleans sort like their texts.
    select
        *,
        row_number() over (
            partition by partition_date, org_id
            order by
                updated_at desc,
                org_name asc nulls first,
                created_at asc nulls first,
                trial_started_at asc nulls first,
                cast(billing_plan_id as varchar(20)) asc nulls first,
                billing_plan_name asc nulls first,
                is_internal asc nulls first,
                country asc nulls first,
                owner_email asc nulls first
        ) as recency

    from trimmed_org_records

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
        partition_date,
        trial_start_date,
        trial_started_at,
        created_at,
        updated_at

    from ranked_org_records

    where recency = 1

)

select * from final
