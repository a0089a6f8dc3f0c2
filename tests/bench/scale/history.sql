-- A company of any size as table macros, one per source. `until` is the last day, and
-- each macro returns the partitions of the days from `first` to `last`.

create or replace macro company_orgs(orgs, until) as table
    select
        org_id,
        cast(until as date) - cast(org_id % 75 as integer) as trial_start_date
    from range(1, orgs + 1) as numbers (org_id);

create or replace macro company_org_days(orgs, until, first, last) as table
    select
        company_orgs.*,
        cast(days.day as date) as dt,
        datediff('day', trial_start_date, days.day) + 1 as org_day
    from company_orgs(orgs, until) as company_orgs
    inner join range(
        cast(first as timestamp), cast(last as timestamp) + interval 1 day,
        interval 1 day
    ) as days (day)
        on days.day >= trial_start_date;

-- One in five pays in its second or third week, one in seven takes the free plan.
create or replace macro company_org_records(orgs, until, first, last) as table
    select
        dt,
        org_id,
        'Company ' || org_id as org_name,
        trial_start_date + interval 8 hour as created_at,
        trial_start_date + interval 8 hour as trial_started_at,
        case
            when org_id % 5 = 0 and org_day >= 8 + org_id % 10 then 3
            when org_id % 7 = 1 then 2
            else 1
        end as billing_plan_id,
        case billing_plan_id when 1 then 'Trial' when 2 then 'Free' else 'Pro' end
            as billing_plan_name,
        org_id % 200 = 0 as is_internal,
        'DE' as country,
        'owner@company' || org_id || '.example' as owner_email,
        dt + interval 1 hour as updated_at
    from company_org_days(orgs, until, first, last);

create or replace macro company_samples(orgs, until, first, last) as table
    select
        dt,
        org_id,
        dt + to_hours(sample * 6) as sampled_at,
        1 + (org_id * 7 + org_day * (org_id % 4)) % 40 as hosts,
        1 + (org_id * 3 + org_day) % 12 as dashboards,
        (org_id * 11 + org_day * sample) % 300 as metrics,
        ['aws', 'docker', 'nginx', 'redis', 'kafka', 'mysql']
        [1:1 + (org_id + org_day) % 6] as integrations
    from company_org_days(orgs, until, first, last)
    cross join range(4) as samples (sample);

-- 16 events an org and day. One in 16 arrives a day late; one in 320 is a copy of an
-- event of the day before.
create or replace macro company_events(orgs, until, first, last) as table
    with numbered as (
        select
            dt,
            org_id,
            number,
            dt - case when number in (15, 16) then 1 else 0 end as day,
            case number when 16 then 3 else number end as event_number
        from company_org_days(orgs, until, first, last)
        cross join range(17) as numbers (number)
        where number < 16 or org_id % 20 = 0
    )
    select
        dt,
        org_id || '-' || day || '-' || event_number as event_id,
        day + to_seconds(event_number * 5000 + org_id % 5000) as ts,
        org_id,
        org_id * 5 + (org_id + event_number) % 5 as user_id,
        case event_number when 7 then 'ERROR' else 'INFO' end as level,
        case event_number when 0 then 'login' else 'page_view' end as event,
        '/dashboards/' || event_number as path,
        200 as status,
        40 + event_number as duration_ms
    from numbered;

-- 9 requests an org and day: two visits of a user, one of someone anonymous.
create or replace macro company_requests(orgs, until, first, last) as table
    select
        dt,
        '10.' || org_id // 65536 % 256 || '.' || org_id // 256 % 256 || '.'
        || org_id % 256 as client_address,
        case
            when request < 8 then org_id * 5 + (org_id + request // 4) % 5
        end as user_id,
        dt + to_seconds(
            request // 4 * 30000 + request % 4 * 400 + org_id % 7000
        ) as requested_at,
        'GET' as method,
        case request % 4 when 3 then '/static/app.js' else '/orgs/' || request end
            as path,
        200 as status,
        500 + request as response_bytes,
        case
            when org_id % 50 = 0 and request = 8 then 'Examplebot/1.0'
            else 'Mozilla/5.0'
        end as user_agent
    from company_org_days(orgs, until, first, last)
    cross join range(9) as requests (request);
