"""SCIM 2.0 (RFC 7643, RFC 7644) for identity providers, at ``/scim/v2``.

The models, the filter grammar and the PATCH rules are those of ``scim2-models``. It is loaded by the first request that
enters, so that a server without an identity provider has neither its memory nor its time at start.
"""
