{#-
    The number of accounts in a state on a day equals the number that leave the
    state or stay in it on the next day. The first day in the mart has no day before.
-#}
with first_day as (

    select min(day) as first_day

    from {{ ref('paid_account_flow') }}

),

flow as (

    select *

    from {{ ref('paid_account_flow') }}

    where day between {{ window_from() }} - 1 and {{ data_date() }}

),

balance as (

    select
        day + 1 as day,
        to_state as account_state,
        orgs as orgs_in_state,
        0 as orgs_in_flow

    from flow

    where
        day < {{ data_date() }}
        and to_state is not null

    union all

    select
        flow.day,
        flow.from_state as account_state,
        0 as orgs_in_state,
        flow.orgs as orgs_in_flow

    from flow

    cross join first_day

    where
        flow.day >= {{ window_from() }}
        and flow.day > first_day.first_day
        and flow.from_state is not null

)

select
    account_state,
    sum(orgs_in_state) as orgs_in_state,
    sum(orgs_in_flow) as orgs_in_flow,
    day

from balance

group by account_state, day

having sum(orgs_in_state) != sum(orgs_in_flow)
