"""Each kind of notice in words, for the page on which people switch them off."""

from __future__ import annotations

from hopkey.server.webhooks.events import WebhookEvent

TITLES = {
    WebhookEvent.TOKEN_GENERATED: ("A token was generated", "In your account, by you or somebody else. Always sent."),
    WebhookEvent.TOKEN_DELETED: (
        "An administrator deleted a token",
        "With the reason. Always sent; you are not told of what you delete yourself.",
    ),
    WebhookEvent.TOKEN_EXPIRING: (
        "A token is about to expire",
        "30 days, 7 days and 1 day before, as far as it was made to live longer than that.",
    ),
    WebhookEvent.TOKEN_EXPIRED: ("A token has expired", "Once, when it happens."),
    WebhookEvent.TOKEN_NEW_ADDRESS: (
        "A token is used from a new network",
        "The first use, and each from a network (/24, or /64 with IPv6) that the token was never used from.",
    ),
    WebhookEvent.TOKEN_STOPPED: ("The policy stops a token", "When administrators change the policy on tokens."),
    WebhookEvent.DIGEST: ("The week in figures", "For administrators, every Monday."),
}
"""Title and hint."""
