"""Access tokens of the portal's identity provider (OpenID Connect)."""
