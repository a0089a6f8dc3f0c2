{#-
    The lines of each partition that the run is after, against those of the days
    before: their mean, or that of the same weekdays where that is less, so that a
    Sunday is measured at Sundays. Nobody judges without a week before the day, nor
    a source with few lines.
-#}
-- depends_on: {{ ref('fct_org_day') }}
{{ config(severity='warn') }}

{#- Named when it runs only: what a test hangs on decides what it holds up. -#}
{% set loads = source('ops', 'loads') if execute else 'loads' %}

{% set query -%}
with loads_ranked as (

    select
        *,
        row_number() over (
            partition by source, dt
            order by finished_at desc
        ) as recency

    from {{ loads }}

    where
        status = 'loaded'
        and dt between {{ first_data_date() }} - {{ var('volume_days') }}
        and {{ data_date() }}

),

partitions as (

    select *

    from loads_ranked

    where recency = 1

),

partitions_and_usual as (

    select
        partitions.source,
        partitions.lines,
        partitions.dt,
        least(
            avg(cast(earlier.lines as double precision)),
            avg(
                case
                    when mod(partitions.dt - earlier.dt, 7) = 0
                        then cast(earlier.lines as double precision)
                end
            )
        ) as usual_lines

    from partitions

    inner join partitions as earlier
        on
            partitions.source = earlier.source
            and earlier.dt between partitions.dt - {{ var('volume_days') }}
            and partitions.dt - 1

    where partitions.dt >= {{ first_data_date() }}

    group by 1, 2, 3

    having
        count(*) >= 7
        and count(
            case when mod(partitions.dt - earlier.dt, 7) = 0 then 1 end
        ) > 0

),

shares as (

    select
        *,
        {{ usual_share('lines', 'usual_lines') }} as share

    from partitions_and_usual

    where usual_lines >= {{ var('volume_least_lines') }}

)

select
    source,
    lines,
    usual_lines,
    share,
    source || ' of ' || cast(dt as varchar(10)) || ': '
    || cast(lines as varchar(20)) || ' lines are '
    || cast(cast(floor(share * 100) as integer) as varchar(20))
    || ' % of the usual '
    || cast(cast(round(usual_lines) as bigint) as varchar(20))
    || '. Ask for the partition to be delivered again.' as message,
    dt

from shares

where share < {{ var('volume_warn_share') }}
{%- endset %}

{{ told_alarms(query, error_var='volume_error_share') }}
