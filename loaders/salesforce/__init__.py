"""The way to Salesforce: one mart out, only what changed, with every row's answer.

`sync.run` sends, `diff.plan` says what would be sent, `doctor.check` compares the
mart with the object before the first night, `history.of` and `rejects.standing`
answer afterwards. The ledgers of schema `ops` remember; Salesforce is asked last.
"""
