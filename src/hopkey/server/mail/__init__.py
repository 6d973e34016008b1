"""Mail: an outbox in the database, written with what it tells of, and the hand-over to an SMTP server."""
