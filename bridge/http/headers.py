"""Headers that every answer has."""

from aiohttp import web

REQUEST_ID = "X-Request-Id"
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_DEFAULT_POLICY = "default-src 'none'; frame-ancestors 'none'"


def secure(response: web.StreamResponse) -> None:
    """Nothing is kept by caches, guessed at by browsers, framed or run."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("Content-Security-Policy", _DEFAULT_POLICY)
    for name, value in _SECURITY.items():
        response.headers[name] = value
