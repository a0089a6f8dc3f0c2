{#- Counted by their ways or by their days, there are as many accounts. -#}
with accounts_counted as (

    select
        to_state as account_state,
        orgs as orgs_arrived,
        0 as orgs_there,
        day

    from {{ ref('paid_account_flow') }}

    where
        to_state is not null
        and day between {{ window_from() }} and {{ data_date() }}

    union all

    select
        account_state,
        0 as orgs_arrived,
        1 as orgs_there,
        metric_date as day

    from {{ ref('org_activity') }}

    where
        account_state is not null
        and metric_date between {{ window_from() }} and {{ data_date() }}

)

select
    account_state,
    sum(orgs_arrived) as orgs_arrived,
    sum(orgs_there) as orgs_there,
    day

from accounts_counted

group by account_state, day

having sum(orgs_arrived) != sum(orgs_there)
