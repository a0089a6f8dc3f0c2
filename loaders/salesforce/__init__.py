"""Sync one mart to one Salesforce object.

`sync.run` sends the rows that changed and records the result of every row.
`plan.make_plan` shows what a sync would send, and `doctor.check` compares the mart
with the object before the first sync. `history.read_history` and
`rejects.open_rejects` read the `ops` ledgers without a login.
"""
