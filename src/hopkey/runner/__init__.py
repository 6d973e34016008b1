"""Runs a collection: variables, authorization, sending, scripts, results. Knows no Django and prints nothing."""
