"""Hopkey: a self-hosted API workspace with personal access tokens, and the command that runs its collections."""

__version__ = "0.1.0"
