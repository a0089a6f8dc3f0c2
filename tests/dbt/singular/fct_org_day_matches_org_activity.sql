{#- Both marts have the same usage and activity for a trial day. -#}
with org_days as (

    select *

    from {{ ref('fct_org_day') }}

    where metric_date between {{ window_from() }} and {{ data_date() }}

),

org_activity as (

    select *

    from {{ ref('org_activity') }}

    where metric_date between {{ window_from() }} and {{ data_date() }}

)

select
    org_days.org_id,
    org_days.metric_date

from org_days

left join org_activity
    on
        org_days.org_id = org_activity.org_id
        and org_days.metric_date = org_activity.metric_date

where
    org_activity.org_id is null
    or {{ metric_terms('org_days.{metric} != org_activity.{metric}', 'or') }}
    or org_days.log_events != org_activity.log_events
    or org_days.active_users != org_activity.active_users
    or org_days.error_events != org_activity.error_events
    or org_days.sessions != org_activity.sessions
    or org_days.session_minutes != org_activity.session_minutes
