{#-
    Also fails for rows without a trial org. A day without a loaded orgs export
    has forward-filled org days but no snapshot to send, so it is skipped.
-#}
with org_days as (

    select cast(org_id as varchar(20)) as org_id

    from {{ ref('fct_org_day') }}

    where
        metric_date = {{ data_date() }}
        and metric_date in (
            select orgs.partition_date from {{ ref('stg_app__orgs') }} as orgs
            where orgs.partition_date = {{ data_date() }}
        )

),

orgs_sent as (

    select org_id__c as org_id

    from {{ ref('sf_trial_metrics') }}

)

select
    org_days.org_id,
    orgs_sent.org_id as org_id_sent

from org_days

full outer join orgs_sent
    on org_days.org_id = orgs_sent.org_id

where
    org_days.org_id is null
    or orgs_sent.org_id is null
