{#-
    The share of orgs with a usage sample on each day that the run is after, against
    the mean of the days before. Nobody judges without a week before the day, nor a
    few orgs. Samples may be late, so the share of the last day is a little lower.
-#}
-- depends_on: {{ ref('fct_org_day') }}
{{ config(severity='warn') }}

{% set query -%}
with org_states as (

    select *

    from {{ ref('int_org_states_carried') }}

    where
        not is_internal
        and metric_date between {{ first_data_date() }}
        - {{ var('volume_days') }} and {{ data_date() }}

),

usage as (

    select *

    from {{ ref('int_org_usage_daily') }}

    where
        metric_date between {{ first_data_date() }}
        - {{ var('volume_days') }} and {{ data_date() }}

),

days as (

    select
        org_states.metric_date,
        count(*) as orgs,
        count(usage.org_id) as orgs_sampled,
        cast(count(usage.org_id) as double precision)
        / count(*) as sampled_share

    from org_states

    left join usage
        on
            org_states.org_id = usage.org_id
            and org_states.metric_date = usage.metric_date

    group by 1

),

days_and_usual as (

    select
        days.metric_date,
        days.orgs,
        days.orgs_sampled,
        days.sampled_share,
        avg(earlier.sampled_share) as usual_share

    from days

    inner join days as earlier
        on earlier.metric_date between days.metric_date
            - {{ var('volume_days') }} and days.metric_date - 1

    where days.metric_date >= {{ first_data_date() }}

    group by 1, 2, 3, 4

    having count(*) >= 7

),

shares as (

    select
        *,
        {{ usual_share('sampled_share', 'usual_share') }} as share

    from days_and_usual

    where usual_share * orgs >= {{ var('volume_least_lines') }}

)

select
    orgs,
    orgs_sampled,
    share,
    'metrics of ' || cast(metric_date as varchar(10)) || ': '
    || cast(orgs_sampled as varchar(20)) || ' of '
    || cast(orgs as varchar(20)) || ' orgs have samples, usual are '
    || cast(cast(round(usual_share * 100) as integer) as varchar(20))
    || ' %. Ask for the partition to be delivered again.' as message,
    metric_date

from shares

where share < {{ var('volume_warn_share') }}
{%- endset %}

{{ told_alarms(query, error_var='volume_error_share') }}
