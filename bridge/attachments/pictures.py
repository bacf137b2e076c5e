"""Size and small version of a picture, made by a process of its own (picture_process.py) with little memory.

Pictures are what attackers send to break decoders: a process that dies or takes too long costs a thumbnail.
"""

import asyncio
import base64
import logging
import sys

from pydantic import BaseModel, ConfigDict, ValidationError

log = logging.getLogger(__name__)

PICTURE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff")
LARGEST_PICTURE = 10 * 1024 * 1024
"""Bytes of a picture that may be held in memory for its small version; larger ones get none."""

THUMBNAIL_TYPE = "image/jpeg"
_PATIENCE_S = 20.0
_AT_ONCE = 2


class Picture(BaseModel):
    """Width and height as shown, and a JPEG of at most 800 by 600 with nothing in it but pixels (base64)."""

    model_config = ConfigDict(frozen=True)

    width: int
    height: int
    thumbnail_width: int
    thumbnail_height: int
    thumbnail: str

    @property
    def thumbnail_bytes(self) -> bytes:
        """The JPEG."""
        return base64.b64decode(self.thumbnail)


class Pictures:
    """Looks at pictures, two at a time."""

    def __init__(self, *, patience_s: float = _PATIENCE_S) -> None:
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._patience_s = patience_s

    async def look(self, picture: bytes | bytearray) -> Picture | None:
        """None when it can't be decoded within bounds."""
        async with self._at_once:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-m",
                "bridge.attachments.picture_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(self._patience_s):
                    answer, _ = await process.communicate(picture)
            except TimeoutError:
                answer = b""
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        try:
            return Picture.model_validate_json(answer)
        except ValidationError:
            log.info("a picture gets no thumbnail")
            return None
