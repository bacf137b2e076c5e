"""What accepts connections on loopback, and reads nothing of what comes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_FEW_BYTES = 1024  # of which asyncio takes twice as many, and then no more


@asynccontextmanager
async def stuck_homeserver() -> AsyncGenerator[str]:
    """Its address, for the length of the block."""
    is_over = asyncio.Event()

    async def read_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await is_over.wait()
        writer.close()

    async with await asyncio.start_server(read_nothing, "127.0.0.1", 0, limit=_FEW_BYTES) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        is_over.set()
