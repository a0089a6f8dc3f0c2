{#- Each org day comes from an org record within the carry-forward period. -#}
with org_days as (

    select *

    from {{ ref('fct_org_day') }}

    where metric_date between {{ window_from() }} and {{ data_date() }}

),

orgs as (

    select *

    from {{ ref('stg_app__orgs') }}

    where
        partition_date between {{ window_from() }}
        - {{ var('org_carry_forward_days') }} and {{ data_date() }}

)

select
    org_days.org_id,
    org_days.metric_date

from org_days

left join orgs
    on
        org_days.org_id = orgs.org_id
        and org_days.billing_plan_id = orgs.billing_plan_id
        and orgs.partition_date
        between org_days.metric_date - {{ var('org_carry_forward_days') }}
        and org_days.metric_date

where orgs.org_id is null
