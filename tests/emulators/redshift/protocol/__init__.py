"""PostgreSQL's wire protocol, client side and server side."""
