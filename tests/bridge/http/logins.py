"""People who log in, and calls with the tokens that they get."""

from typing import Any

from tests.bridge.http.api import GARCIA

SESSION, CONVERSATIONS = "/api/session", "/api/conversations"
OPENID = {"access_token": "t", "matrix_server_name": "h", "token_type": "Bearer", "expires_in": 3600}


def bearer(token: str, **more: str) -> dict[str, str]:
    """The headers of whoever holds this token."""
    return {"Authorization": f"Bearer {token}", **more}


async def log_in(api, *, user_id: str = GARCIA) -> str:
    """The token of a session of this person, made with an OpenID token."""
    server = user_id.partition(":")[2]
    api.openid.users[server, f"token of {user_id}"] = user_id
    body = {**OPENID, "access_token": f"token of {user_id}", "matrix_server_name": server}
    response = await api.call("POST", SESSION, json=body, headers={})
    assert response.status == 201
    return (await response.json())["token"]


async def log_in_browser(api, *, key: str = "all", **body: int) -> dict:
    """The answer to the portal's back end that asks for a session of Lucía's browser."""
    response = await api.call("POST", SESSION, json=body, headers=api.headers(key=key))
    assert response.status == 201
    return await response.json()


async def status_of(api, method: str, path: str, token: str, **options: Any) -> int:
    """What a call with this token gives."""
    return (await api.call(method, path, headers=bearer(token), **options)).status
