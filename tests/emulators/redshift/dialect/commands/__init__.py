"""Commands: statements that control the session, and those that run others."""
