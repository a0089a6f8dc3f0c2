"""The morning report: read from marts and ledgers, drawn, written, and mailed.

One page a data date, `{archive}/{env}/{version}/report/dt=D/index.html` with its
pictures beside it, and the same as a mail. Nothing here decides when.
"""
