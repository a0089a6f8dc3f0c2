{#-
    Events of an org that is in no orgs export do not reach any mart. A few are
    normal. Many mean that the export is incomplete.
-#}
{{ config(severity='warn') }}

with activity as (

    select *

    from {{ ref('int_org_activity_daily') }}

    where
        metric_date between {{ window_from() }} and {{ data_date() }}
        and metric_date in (
            select orgs.partition_date from {{ ref('stg_app__orgs') }} as orgs
            where
                orgs.partition_date
                between {{ window_from() }} and {{ data_date() }}
        )

),

org_activity as (

    select *

    from {{ ref('org_activity') }}

    where metric_date between {{ window_from() }} and {{ data_date() }}

)

select
    sum(activity.log_events) as log_events,
    sum(
        case when org_activity.org_id is null then activity.log_events end
    ) as log_events_of_unknown_orgs,
    activity.metric_date

from activity

left join org_activity
    on
        activity.org_id = org_activity.org_id
        and activity.metric_date = org_activity.metric_date

group by activity.metric_date

having
    sum(activity.log_events) >= {{ var('volume_min_lines') }}
    and sum(
        case when org_activity.org_id is null then activity.log_events end
    ) > 0.1 * sum(activity.log_events)
