"""People and groups as an identity provider has them: what SCIM writes, without its wire."""
