"""Who may come to each address, and what everybody else is told: the table that `tests.domain.test_access_of_routes`
holds against every address there is.

A block: in words whom its lines are for; the outcome for each of `tests.support.callers.CALLERS`, in that order, as a
status or ``sign-in`` (sent to the sign-in page); and the lines, each a method and an address. What everybody gets 405
for needs no line. A new route that is missing here fails the test, which says what it answers and where a line would go.
"""

from __future__ import annotations

Block = tuple[str, str, str]

#    visitor stranger viewer editor owner administrator token automation
TABLE: tuple[Block, ...] = (
    (
        "Anybody",
        "200 200 200 200 200 200 200 200",
        """
        GET /v1/openapi.json
        """,
    ),
    (
        "Visitors; who is signed in is led on",
        "200 302 302 302 302 302 200 200",
        """
        GET /sign-in
        GET /sign-in/code
        """,
    ),
    (
        "Visitors; for this purpose nobody who is signed in",
        "200 403 403 403 403 403 200 200",
        """
        GET /passkeys/options/:purpose
        """,
    ),
    (
        "Anybody; leads on",
        "302 302 302 302 302 302 302 302",
        """
        POST /theme
        """,
    ),
    (
        "Visitors; who is signed in is led on",
        "400 302 302 302 302 302 400 400",
        """
        POST /sign-in
        POST /sign-in/code
        """,
    ),
    (
        "Anybody; what was sent here says nothing",
        "400 400 400 400 400 400 400 400",
        """
        POST /sign-in/passkey
        GET /sign-in/oidc/callback
        """,
    ),
    (
        "Programs with an automation token",
        "401 401 401 401 401 401 401 200",
        """
        GET /v1/infra/user-invitations
        GET /v1/infra/users
        GET /v1/infra/users/:uid
        PATCH /v1/infra/users/:uid
        DELETE /v1/infra/users/:uid
        POST /v1/infra/users/:uid/deactivate
        PATCH /v1/infra/users/:uid/deactivate
        POST /v1/infra/users/:uid/reactivate
        PATCH /v1/infra/users/:uid/reactivate
        GET /v1/infra/users/:uid/workspaces
        GET /v1/infra/workspaces
        GET /v1/infra/workspaces/:workspace_id
        DELETE /v1/infra/workspaces/:workspace_id
        GET /v1/infra/workspaces/:workspace_id/members
        GET /v1/infra/workspaces/:workspace_id/owners-count
        GET /v1/infra/workspaces/:workspace_id/editors-count
        GET /v1/infra/workspaces/:workspace_id/viewers-count
        DELETE /v1/infra/workspaces/:workspace_id/user/:uid
        GET /v1/infra/workspaces/:workspace_id/invitations
        DELETE /v1/infra/workspaces/:workspace_id/invitations/:invitation_id
        GET /scim/v2/ServiceProviderConfig
        GET /scim/v2/ResourceTypes
        GET /scim/v2/ResourceTypes/:name
        GET /scim/v2/Schemas
        GET /scim/v2/Schemas/:urn
        GET /scim/v2/Users
        POST /scim/v2/Users/.search
        GET /scim/v2/Users/:user_id
        GET /scim/v2/Groups
        POST /scim/v2/Groups/.search
        """,
    ),
    (
        "Programs with an automation token",
        "401 401 401 401 401 401 401 204",
        """
        DELETE /scim/v2/Users/:user_id
        """,
    ),
    (
        "Programs with an automation token; what was sent here says nothing",
        "401 401 401 401 401 401 401 400",
        """
        POST /v1/infra/user-invitations
        DELETE /v1/infra/user-invitations
        PATCH /v1/infra/users/:uid/admin-status
        POST /v1/infra/workspaces
        PATCH /v1/infra/workspaces/:workspace_id
        POST /v1/infra/workspaces/:workspace_id/user
        PATCH /v1/infra/workspaces/:workspace_id/user/:uid/role
        POST /scim/v2/Users
        PUT /scim/v2/Users/:user_id
        PATCH /scim/v2/Users/:user_id
        POST /scim/v2/Groups
        """,
    ),
    (
        "Programs with an automation token; there is nothing of this id",
        "401 401 401 401 401 401 401 404",
        """
        GET /scim/v2/Groups/:group_id
        PUT /scim/v2/Groups/:group_id
        PATCH /scim/v2/Groups/:group_id
        DELETE /scim/v2/Groups/:group_id
        GET /scim/v2/:rest
        POST /scim/v2/:rest
        PUT /scim/v2/:rest
        PATCH /scim/v2/:rest
        DELETE /scim/v2/:rest
        """,
    ),
    (
        "Programs with an automation token; named by the standard, not there",
        "401 401 401 401 401 401 401 501",
        """
        GET /scim/v2/Me
        POST /scim/v2/Me
        PUT /scim/v2/Me
        PATCH /scim/v2/Me
        DELETE /scim/v2/Me
        GET /scim/v2/Bulk
        POST /scim/v2/Bulk
        PUT /scim/v2/Bulk
        PATCH /scim/v2/Bulk
        DELETE /scim/v2/Bulk
        GET /scim/v2/.search
        POST /scim/v2/.search
        PUT /scim/v2/.search
        PATCH /scim/v2/.search
        DELETE /scim/v2/.search
        """,
    ),
    (
        "Visitors, where they may make themselves an account, which is off here",
        "403 302 302 302 302 302 403 403",
        """
        GET /sign-up
        POST /sign-up
        """,
    ),
    (
        "JSON: whoever is signed in; what was sent here says nothing",
        "403 400 400 400 400 400 401 401",
        """
        POST /v1/access-tokens/create
        GET /v1/access-tokens/list
        DELETE /v1/access-tokens/revoke
        """,
    ),
    (
        "JSON: owners of the team",
        "403 404 403 403 200 404 401 404",
        """
        GET /v1/workspaces/:workspace_id/tokens
        POST /v1/workspaces/:workspace_id/tokens/:token_id/cut-off
        """,
    ),
    (
        "JSON: administrators, and programs with an automation token",
        "403 404 404 404 404 200 401 200",
        """
        GET /v1/console/overview
        POST /v1/console/overview/refresh
        GET /v1/console/tokens
        POST /v1/console/tokens/search
        GET /v1/console/tokens/export
        GET /v1/console/tokens/:token_id
        GET /v1/console/users
        GET /v1/console/users/:user_id
        DELETE /v1/console/users/:user_id
        POST /v1/console/users/:user_id/deactivate
        POST /v1/console/users/:user_id/reactivate
        POST /v1/console/users/:user_id/sign-out
        GET /v1/console/invites
        GET /v1/console/policy
        PUT /v1/console/policy
        POST /v1/console/policy/dry-run
        POST /v1/console/policy/dry-run/whole
        GET /v1/console/audit
        POST /v1/console/audit/search
        GET /v1/console/audit/export
        POST /v1/console/audit/verify
        GET /v1/console/automation-tokens
        POST /v1/console/users/:user_id/remove-second-factors
        GET /v1/console/mail
        POST /v1/console/mail/:message_id/retry
        POST /v1/console/mail/:message_id/discard
        GET /v1/console/webhooks/:webhook_id
        DELETE /v1/console/webhooks/:webhook_id
        POST /v1/console/webhooks/:webhook_id/test
        GET /v1/console/webhooks/:webhook_id/deliveries
        POST /v1/console/webhooks/:webhook_id/deliveries/:delivery_id/retry
        POST /v1/console/mail/test
        POST /v1/console/mail/retry
        GET /v1/console/webhooks
        """,
    ),
    (
        "JSON: administrators, and programs with an automation token; what was sent here says nothing",
        "403 404 404 404 404 400 401 400",
        """
        POST /v1/console/tokens/delete
        DELETE /v1/console/tokens/:token_id
        PUT /v1/console/users/:user_id/administrator
        POST /v1/console/invites
        POST /v1/console/invites/revoke
        POST /v1/console/automation-tokens
        POST /v1/console/webhooks
        PUT /v1/console/webhooks/:webhook_id/enabled
        """,
    ),
    (
        "JSON: administrators with a session; no program makes or unmakes another",
        "403 404 404 404 404 200 401 403",
        """
        DELETE /v1/console/automation-tokens/:token_id
        """,
    ),
    (
        "Whoever is signed in; it needs mail, which is not set up here",
        "sign-in 409 409 409 409 409 sign-in sign-in",
        """
        POST /profile/security/email
        """,
    ),
    (
        "JSON: nothing here",
        "403 404 404 404 404 404 401 404",
        """
        GET /v1/:rest
        POST /v1/:rest
        PUT /v1/:rest
        PATCH /v1/:rest
        DELETE /v1/:rest
        """,
    ),
    (
        "Visitors, where it is set up; who is signed in is led on",
        "404 302 302 302 302 302 404 404",
        """
        GET /sign-in/oidc
        """,
    ),
    (
        "Nothing is set up here, or no link was taken",
        "404 404 404 404 404 404 404 404",
        """
        GET /welcome/:secret
        GET /welcome
        POST /welcome
        GET /join/:secret
        GET /join
        POST /join
        """,
    ),
    (
        "Whoever is signed in",
        "sign-in 200 200 200 200 200 sign-in sign-in",
        """
        GET /palette
        GET /confirm
        GET /profile
        GET /profile/security
        GET /profile/notices
        GET /profile/security/password
        GET /profile/security/oidc/remove
        GET /profile/security/app
        GET /profile/security/recovery-codes
        GET /profile/security/passkeys/new
        GET /profile/tokens
        GET /profile/tokens/new
        GET /teams/new
        """,
    ),
    (
        "Whoever is signed in; those in a team are led to it",
        "sign-in 302 302 302 302 200 sign-in sign-in",
        """
        GET /
        """,
    ),
    (
        "Whoever is signed in; leads on",
        "sign-in 302 302 302 302 302 sign-in sign-in",
        """
        GET /sign-in/second
        POST /sign-in/second
        POST /profile/security/sessions/end-others
        POST /profile/security/sessions/:session_id/end
        POST /profile/notices
        GET /profile/security/app/remove
        POST /profile/security/app/remove
        POST /profile/security/recovery-codes
        """,
    ),
    (
        "Whoever is signed in; what was sent here says nothing",
        "sign-in 400 400 400 400 400 sign-in sign-in",
        """
        POST /confirm
        POST /profile
        POST /profile/security/password
        POST /profile/security/app
        POST /profile/security/passkeys/new
        POST /profile/tokens/new
        POST /teams/new
        """,
    ),
    (
        "Members of the team",
        "sign-in 404 200 200 200 404 sign-in sign-in",
        """
        GET /workspaces/:workspace_id
        GET /workspaces/:workspace_id/environments
        GET /workspaces/:workspace_id/collections/:collection_id
        GET /workspaces/:workspace_id/collections/:collection_id/export
        GET /workspaces/:workspace_id/environments/:environment_id/export
        GET /workspaces/:workspace_id/members
        """,
    ),
    (
        "Owners, and members about themselves",
        "sign-in 404 200 403 200 404 sign-in sign-in",
        """
        GET /workspaces/:workspace_id/members/:user_id/remove
        """,
    ),
    (
        "Owners, and members about themselves",
        "sign-in 404 302 403 302 404 sign-in sign-in",
        """
        POST /workspaces/:workspace_id/members/:user_id/remove
        """,
    ),
    (
        "Editors and owners of the team",
        "sign-in 404 403 200 200 404 sign-in sign-in",
        """
        GET /workspaces/:workspace_id/import
        GET /workspaces/:workspace_id/collections/:collection_id/delete
        GET /workspaces/:workspace_id/environments/:environment_id/delete
        """,
    ),
    (
        "Editors and owners of the team",
        "sign-in 404 403 302 302 404 sign-in sign-in",
        """
        POST /workspaces/:workspace_id/collections/:collection_id/delete
        POST /workspaces/:workspace_id/environments/:environment_id/delete
        """,
    ),
    (
        "Editors and owners of the team",
        "sign-in 404 403 400 400 404 sign-in sign-in",
        """
        POST /workspaces/:workspace_id/import
        """,
    ),
    (
        "Owners of the team",
        "sign-in 404 403 403 200 404 sign-in sign-in",
        """
        GET /workspaces/:workspace_id/tokens
        GET /workspaces/:workspace_id/tokens/:token_id/cut-off
        GET /workspaces/:workspace_id/settings
        GET /workspaces/:workspace_id/delete
        """,
    ),
    (
        "Owners of the team",
        "sign-in 404 403 403 302 404 sign-in sign-in",
        """
        POST /workspaces/:workspace_id/tokens/:token_id/cut-off
        POST /workspaces/:workspace_id/members/:user_id/role
        POST /workspaces/:workspace_id/invitations/:invitation_id/revoke
        """,
    ),
    (
        "Owners of the team",
        "sign-in 404 403 403 400 404 sign-in sign-in",
        """
        POST /workspaces/:workspace_id/invitations
        POST /workspaces/:workspace_id/settings
        POST /workspaces/:workspace_id/delete
        """,
    ),
    (
        "The owner of the token",
        "sign-in 404 404 404 200 404 sign-in sign-in",
        """
        GET /profile/tokens/:token_id/delete
        """,
    ),
    (
        "The owner of the token",
        "sign-in 404 404 404 302 404 sign-in sign-in",
        """
        POST /profile/tokens/:token_id/delete
        """,
    ),
    (
        "Administrators",
        "sign-in 404 404 404 404 200 sign-in sign-in",
        """
        GET /console
        GET /console/tokens
        GET /console/tokens/export
        GET /console/tokens/:token_id
        GET /console/users
        GET /console/users/:user_id
        GET /console/webhooks/:webhook_id
        GET /console/users/:user_id/:act
        GET /console/policy
        POST /console/policy
        GET /console/automation
        GET /console/automation/new
        GET /console/automation/:token_id/delete
        GET /console/mail
        GET /console/webhooks
        GET /console/audit
        GET /console/audit/export
        POST /console/audit/verify
        """,
    ),
    (
        "Administrators; leads on",
        "sign-in 404 404 404 404 302 sign-in sign-in",
        """
        POST /console/refresh
        POST /console/tokens/search
        POST /console/tokens/delete
        POST /console/users/invite/revoke
        POST /console/webhooks/:webhook_id/deliveries/:delivery_id/retry
        POST /console/mail/:message_id/discard
        POST /console/mail/:message_id/retry
        POST /console/users/:user_id/:act
        POST /console/automation/:token_id/delete
        POST /console/mail/test
        POST /console/mail/retry
        POST /console/audit/search
        """,
    ),
    (
        "Administrators; what was sent here says nothing",
        "sign-in 404 404 404 404 400 sign-in sign-in",
        """
        POST /console/users/invite
        POST /console/automation/new
        POST /console/webhooks
        """,
    ),
    (
        "Whoever is signed in or administers; there is nothing of this id here",
        "sign-in 404 404 404 404 404 sign-in sign-in",
        """
        GET /console/webhooks/:webhook_id/:act
        POST /console/webhooks/:webhook_id/:act
        GET /confirm/oidc
        GET /profile/security/oidc
        POST /profile/security/oidc/remove
        GET /profile/security/passkeys/:passkey_id/remove
        POST /profile/security/passkeys/:passkey_id/remove
        """,
    ),
    (
        "Anybody; ends at the sign-in page",
        "sign-in sign-in sign-in sign-in sign-in sign-in sign-in sign-in",
        """
        POST /sign-in/again
        POST /sign-out
        """,
    ),
)
