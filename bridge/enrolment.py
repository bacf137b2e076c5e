"""Taking in a managed user: account, device, and what we know of the person."""

from bridge.app import Platform
from bridge.people import people


async def enrol(
    platform: Platform, *, user_id: str, display_name: str | None, language: str, timezone: str
) -> None:
    """Make the account and its one device, and enter the person. May be repeated.

    Raises MatrixError and HomeserverUnreachableError.
    """
    # The account first: whoever is managed in our table can be acted for.
    await give_device(platform, user_id)
    async with platform.database.write() as connection:
        await people.add(
            connection,
            sealer=platform.sealer,
            user_id=user_id,
            managed=True,
            display_name=display_name,
            language=language,
            timezone=timezone,
            now=platform.now(),
        )


async def give_device(platform: Platform, user_id: str) -> None:
    """Make the account and its one device, which hears of changes from its beginning. As above otherwise."""
    await platform.encryption.provision(user_id)
    device = await platform.encryption.device_of(user_id)
    if device is not None:
        await platform.catch_up.begin(device.user_id, device.device_id)
