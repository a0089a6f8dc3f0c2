"""The morning report: read marts and ledgers, draw charts, render page and mail.

The page of a data date is `{archive}/{env}/{version}/report/dt=D/index.html`, with its
charts in the same folder. When a report is due is decided in `orchestrate`.
"""
