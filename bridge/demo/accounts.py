"""Accounts of people with a Matrix client of their own, made with the homeserver's registration secret."""

import hashlib
import hmac

import aiohttp

from bridge.demo.errors import DemoError
from bridge.demo.homeserver import Homeserver

_REGISTER = "/_synapse/admin/v1/register"


class AccountError(DemoError):
    """The homeserver refused to make the account; the message holds its answer."""


class AccountExistsError(AccountError):
    """There is an account with this name."""


async def create_account(homeserver: Homeserver, localpart: str, password: str, displayname: str) -> str:
    """Make the account and return its user id. It has no device and no session: nobody has logged in yet.

    Raises AccountExistsError, AccountError.
    """
    async with aiohttp.ClientSession(homeserver.client_url) as http:
        async with http.get(_REGISTER) as response:
            nonce: str = (await response.json())["nonce"]
        body = {
            "nonce": nonce,
            "username": localpart,
            "password": password,
            "displayname": displayname,
            "admin": False,
            "inhibit_login": True,
            "mac": _mac(homeserver.registration_secret, nonce, localpart, password),
        }
        async with http.post(_REGISTER, json=body) as response:
            answer = await response.json()
            if not response.ok:
                known = answer.get("errcode") == "M_USER_IN_USE"
                raise (AccountExistsError if known else AccountError)(
                    f"{localpart} on {homeserver.server_name}: {answer.get('error', answer)}"
                )
            user_id: str = answer["user_id"]
            return user_id


def _mac(secret: str, nonce: str, localpart: str, password: str) -> str:
    # https://element-hq.github.io/synapse/latest/admin_api/register_api.html
    message = f"{nonce}\x00{localpart}\x00{password}\x00notadmin".encode()
    return hmac.new(secret.encode(), message, hashlib.sha1).hexdigest()
