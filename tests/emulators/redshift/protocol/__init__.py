"""PostgreSQL's wire protocol between client, relay and server."""
