"""``/v1/infra/user-invitations``: who was invited to have an account."""

from __future__ import annotations

from django.http import HttpResponse

from hopkey.server.accounts import links
from hopkey.server.api.guard import reply
from hopkey.server.api.infra.checks import Checks, moment
from hopkey.server.api.infra.guard import Call, route


def create(call: Call) -> HttpResponse:
    """``{inviteeEmail}`` -> 201 ``{invitationLink}``. The link is in this answer and nowhere else."""
    checks = Checks(call.body(), "inviteeEmail")
    email = checks.text("inviteeEmail")
    checks.done()
    return reply({"invitationLink": links.invite_issue(email=email, inviter=call.creator, by=call.by)}, 201)


def list_(call: Call) -> HttpResponse:
    checks = Checks(call.query, "skip", "take")
    skip, take = checks.page()
    checks.done()
    found = links.invite_list()[skip : skip + take]
    return reply([{"inviteeEmail": link.email, "invitedOn": moment(link.created_at)} for link in found])


def delete(call: Call) -> HttpResponse:
    """``{inviteeEmails}`` -> ``{message}``; addresses that were not invited are no error."""
    checks = Checks(call.body(), "inviteeEmails")
    emails = checks.texts("inviteeEmails")
    checks.done()
    links.invite_revoke(emails=emails, by=call.by)
    return reply({"message": "true"})


invitations = route(POST=create, GET=list_, DELETE=delete)
