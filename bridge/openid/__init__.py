"""Whose a Matrix OpenID token is: asked of the homeserver that it names, found as federation finds servers."""
