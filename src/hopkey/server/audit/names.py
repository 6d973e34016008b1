"""Names of events that the gate writes without Django; `hopkey.server.audit.models.Event` has the same, by test."""

TOKEN_REFUSED = "token.refused"  # noqa: S105 - the name of an event
