-- The marts as an analyst would write them by hand for DuckDB alone: three scripts in
-- one session, no tests, no ledger, the dialect's own functions. They compute the days
-- from the variable first_day to last_day again; the tables in `plain` have the others.
-- Numbers are written out instead of vars: trials of 14 days, followed for 43.

-- Events ---------------------------------------------------------------------------

create or replace temp table events as
select event_id, org_id, user_id, upper(level) in ('ERROR', 'CRITICAL') as is_error,
    cast(ts as date) as event_date, ts
from staging.raw_app_logs
where dt between getvariable('first_day') and getvariable('last_day')
    and cast(ts as date) between dt - 2 and dt
    and cast(ts as date) >= getvariable('first_day')
qualify row_number() over (partition by event_id order by dt, ts) = 1;

delete from events
using plain.event_ids as known
where known.event_id = events.event_id and known.event_date < getvariable('first_day');

delete from plain.event_ids where event_date >= getvariable('first_day');
insert into plain.event_ids by name select event_id, event_date from events;

delete from plain.user_orgs where event_date >= getvariable('first_day');
insert into plain.user_orgs by name
select user_id, event_date, arg_max(org_id, (ts, event_id)) as org_id,
    max((ts, event_id)) as last_event
from events
where user_id is not null
group by user_id, event_date;

-- Sessions -------------------------------------------------------------------------

create or replace temp table requests as
select coalesce(cast(user_id as varchar), md5(client_address || '|' || user_agent))
        as visitor_id,
    user_id, user_agent, cast(requested_at as date) as request_date, requested_at, path,
    regexp_extract(split_part(split_part(path, '?', 1), '#', 1), '\.([^./]*)$', 1)
        as extension
from staging.raw_web_logs
where dt between getvariable('first_day') - 1 and getvariable('last_day')
    and cast(requested_at as date) between dt - 2 and dt
    and cast(requested_at as date) >= getvariable('first_day') - 1;

create or replace temp table robot_days as
with gaps as (
    select visitor_id, request_date, requested_at,
        requested_at - lag(requested_at) over visitor_day as gap
    from requests
    window visitor_day as (partition by visitor_id, request_date order by requested_at)
)
select visitor_id, request_date
from gaps
group by visitor_id, request_date
having coalesce(max(gap), interval 0 second) <= interval 30 minute
    and min(requested_at) <= request_date + interval 30 minute
    and max(requested_at) >= request_date + interval 1410 minute;

create or replace temp table sessions as
with ordered as (
    select requests.*, robot_days.visitor_id is not null as is_robot,
        lag(requested_at) over visitor as previous_at,
        lag(is_robot) over visitor as was_robot
    from requests
    left join robot_days using (visitor_id, request_date)
    window visitor as (partition by visitor_id order by requested_at)
),
started as (
    select *,
        coalesce(
            requested_at - previous_at > interval 30 minute
            or cast(previous_at as date) != request_date and (is_robot or was_robot),
            true
        ) as is_start
    from ordered
),
numbered as (
    select *, sum(cast(is_start as integer)) over (
            partition by visitor_id order by requested_at, is_start desc
            rows unbounded preceding
        ) as session_number
    from started
),
bots as (
    select user_agent
    from (select distinct user_agent from requests) as agents
    where exists (
        select 1 from staging.bot_patterns
        where contains(lower(agents.user_agent), lower(pattern))
    )
)
select visitor_id, user_id, count(*) as requests,
    count(*) filter (
        path is not null
        and lower(extension) not in (select extension from staging.static_file_types)
    ) as page_views,
    bool_or(user_agent in (select user_agent from bots)) as is_bot,
    min(requested_at) as started_at, max(requested_at) as ended_at,
    cast(min(requested_at) as date) as session_date,
    md5(visitor_id || '|' || strftime(min(requested_at), '%Y-%m-%d %H:%M:%S'))
        as session_id
from numbered
group by visitor_id, user_id, session_number
having cast(min(requested_at) as date) >= getvariable('first_day');

delete from plain.fct_web_sessions where session_date >= getvariable('first_day');
insert into plain.fct_web_sessions by name
with orgs as (
    select session_id, arg_max(user_orgs.org_id, last_event) as org_id
    from sessions
    inner join plain.user_orgs
        on user_orgs.user_id = sessions.user_id
        and event_date between session_date - 30 and session_date
    group by session_id
)
select sessions.*, org_id
from sessions left join orgs using (session_id);

-- Org days -------------------------------------------------------------------------

create or replace temp table states as
with records as (
    select dt, org_id, billing_plan_id, org_name, billing_plan_name, is_internal,
        cast(trial_started_at as date) as trial_start_date
    from staging.raw_orgs
    where dt between getvariable('first_day') - 7 and getvariable('last_day')
    qualify row_number() over (
            partition by dt, org_id order by updated_at desc, org_name
        ) = 1
),
spans as (
    select *, least(
            coalesce(lead(dt) over (partition by org_id order by dt) - 1, dt + 7), dt + 7,
            getvariable('last_day')
        ) as until
    from records
)
select spans.* exclude (dt, until), dt = day as is_own_day, cast(day as date) as metric_date
from spans, unnest(generate_series(
        greatest(dt, getvariable('first_day'))::timestamp, until::timestamp,
        interval 1 day
    )) as days (day);

create or replace temp table usage as
with samples as (
    select org_id, cast(sampled_at as date) as metric_date, hosts, dashboards, metrics,
        from_json(integrations, '["varchar"]') as integrations
    from staging.raw_metrics
    where dt between getvariable('first_day') and getvariable('last_day')
        and cast(sampled_at as date) between dt - 2 and dt
        and cast(sampled_at as date) >= getvariable('first_day')
)
select org_id, metric_date, max(hosts) as hosts, max(dashboards) as dashboards,
    max(metrics) as metrics,
    len(list_distinct(flatten(list(integrations)))) as integrations
from samples
group by org_id, metric_date;

create or replace temp table activity as
select org_id, metric_date, coalesce(log_events, 0) as log_events,
    coalesce(active_users, 0) as active_users, coalesce(error_events, 0) as error_events,
    coalesce(sessions, 0) as sessions, coalesce(session_minutes, 0) as session_minutes
from (
    select org_id, event_date as metric_date, count(*) as log_events,
        count(distinct user_id) as active_users,
        count(*) filter (is_error) as error_events
    from events
    group by org_id, event_date
)
full join (
    select org_id, session_date as metric_date, count(*) as sessions,
        round(sum(datediff('second', started_at, ended_at)) / 60.0, 2)
            as session_minutes
    from plain.fct_web_sessions
    where session_date >= getvariable('first_day') and org_id is not null
    group by org_id, session_date
) using (org_id, metric_date);

create or replace temp table org_days as
select states.*, metric_date - trial_start_date + 1 as org_day,
    coalesce(is_paid, false) as is_paid, usage.org_id is not null as has_samples,
    coalesce(hosts, 0) as hosts, coalesce(integrations, 0) as integrations,
    coalesce(dashboards, 0) as dashboards, coalesce(metrics, 0) as metrics,
    coalesce(log_events, 0) as log_events, coalesce(active_users, 0) as active_users,
    coalesce(error_events, 0) as error_events, coalesce(sessions, 0) as sessions,
    coalesce(session_minutes, 0) as session_minutes,
    case
        when is_internal then null
        when is_paid then 'paid'
        when included_hosts is not null then 'free'
        when org_day > 14 then 'expired'
        when org_day >= 1 then 'trial'
    end as account_state
from states
left join usage using (org_id, metric_date)
left join activity using (org_id, metric_date)
left join staging.billing_plans using (billing_plan_id);

delete from plain.org_activity where metric_date >= getvariable('first_day');
insert into plain.org_activity by name
select * exclude (is_own_day, org_day) from org_days;

delete from plain.fct_org_day where metric_date >= getvariable('first_day');
insert into plain.fct_org_day by name
select * exclude (is_own_day, is_internal, is_paid, has_samples, account_state),
    org_day <= 14 as is_in_trial
from org_days
where not is_internal and org_day between 1 and 43;
