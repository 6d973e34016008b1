"""Webhooks: events sent to addresses that administrators choose, signed as Standard Webhooks 1.0 says."""
