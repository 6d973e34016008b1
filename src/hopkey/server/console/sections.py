"""The sections of the console, in the order of its navigation: (section, name of the address, text)."""

from __future__ import annotations

SECTIONS = (
    ("overview", "console", "Overview"),
    ("tokens", "console_tokens", "All tokens"),
    ("users", "console_users", "Users"),
    ("policy", "console_policy", "Policy"),
    ("automation", "console_automation", "Automation"),
    ("mail", "console_mail", "Mail"),
    ("webhooks", "console_webhooks", "Webhooks"),
    ("audit", "console_audit", "Audit"),
)
