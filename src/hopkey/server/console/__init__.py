"""The administrators' pages: overview, everybody's tokens, users, policy, audit trail."""
