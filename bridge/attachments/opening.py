"""Puts together what takes files and gives them, from the settings."""

import aiohttp

from appointments.sealing import Sealer
from bridge.attachments.downloading import Downloading
from bridge.attachments.pictures import Pictures
from bridge.attachments.receiving import Receiving
from bridge.attachments.uploading import Uploading
from bridge.clock import Now
from bridge.e2ee.machine import Encryption
from bridge.matrix.client import MatrixClient
from bridge.matrix.media import MediaClient
from bridge.rooms.conversations import Conversations
from bridge.settings import Settings
from bridge.slots import Slots
from bridge.storage.database import Database


def attachments_of(
    settings: Settings,
    *,
    http: aiohttp.ClientSession,
    database: Database,
    matrix: MatrixClient,
    encryption: Encryption,
    conversations: Conversations,
    sealer: Sealer,
    now: Now,
) -> tuple[Uploading, Downloading]:
    """What files go up by, and what they come down by; over `http`, which travels as slowly as people do."""
    media = MediaClient(
        base_url=settings.homeserver.url,
        as_token=settings.appservice.as_token.get_secret_value(),
        http=http,
    )
    uploading = Uploading(
        database=database,
        media=media,
        conversations=conversations,
        receiving=Receiving(settings=settings.attachments, pictures=Pictures()),
        slots=Slots(
            per_person=settings.attachments.uploads_at_once,
            in_all=settings.attachments.uploads_at_once_in_all,
        ),
        sealer=sealer,
        now=now,
    )
    downloading = Downloading(
        database=database,
        matrix=matrix,
        media=media,
        encryption=encryption,
        conversations=conversations,
        slots=Slots(per_person=settings.attachments.downloads_at_once),
        sealer=sealer,
    )
    return uploading, downloading
