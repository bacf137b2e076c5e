"""Why an OpenID token gives no session."""


class OpenIdError(Exception):
    """An OpenID token was not accepted."""


class BadOpenIdTokenError(OpenIdError):
    """The homeserver does not know the token (any more), or it speaks of a user of another server."""


class ServerRefusedError(OpenIdError):
    """We don't talk to this server: it is not allowed, or its address is one that we don't connect to."""


class ServerUnreachableError(OpenIdError):
    """The server that the token names can't be asked now; the same request may succeed later."""


class BadServerNameError(OpenIdError):
    """What should be a server name is none (Matrix specification, appendices, 4.1)."""
