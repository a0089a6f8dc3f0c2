"""An Amazon Redshift emulator: PostgreSQL behind a relay with Redshift's rules."""
