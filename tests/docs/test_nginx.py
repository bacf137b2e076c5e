"""docs/nginx.conf, which operators are told to use, by nginx itself."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from shutil import which

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from bridge.clock import utc_now
from bridge.demo.certificates import certificate_files, ensure_certificates
from tests.docs.generated import DOCS
from tests.e2e.free_ports import free_ports

_NGINX = which("nginx")
_PATIENCE_S = 60.0
_BIG = 50_000_000  # more than all that lies between a server and a client that doesn't read
_UPLOAD = "/api/messages/upload-attachment"
_BIG_FILE = "/api/messages/attachment/big"
_BROKEN = "/api/broken/t0ken"
_AROUND = """
daemon off;
user root;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""

pytestmark = pytest.mark.skipif(_NGINX is None, reason="nginx is not installed")


@dataclass
class Site:
    """The proxy at its address, what stands behind it, how large a body it was sent up to now, and its files."""

    http: aiohttp.ClientSession
    address: str
    received: asyncio.Queue[int]
    directory: Path


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The proxy in front of a bridge and a homeserver that say who they are."""
    received: asyncio.Queue[int] = asyncio.Queue()
    public, bridge, homeserver = free_ports(3)
    certificates = certificate_files(tmp_path / "tls")
    ensure_certificates(certificates, now=utc_now())
    text = (DOCS / "nginx.conf").read_text(encoding="utf-8")
    for example, ours in (
        ("listen 443", f"listen 127.0.0.1:{public}"),
        ("/etc/ssl/portal.example.org.pem", certificates.certificate),
        ("/etc/ssl/portal.example.org.key", certificates.private_key),
        ("/var/log/nginx/error.log", tmp_path / "site.log"),
        ("127.0.0.1:8080", f"127.0.0.1:{bridge}"),
        ("127.0.0.1:8008", f"127.0.0.1:{homeserver}"),
    ):
        assert text.count(example) == 1
        text = text.replace(example, str(ours))
    (tmp_path / "site.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(_AROUND.format(directory=tmp_path))
    trusted = ssl.create_default_context(cafile=certificates.authority)
    async with (
        _behind("bridge", bridge, received),
        _behind("homeserver", homeserver, received),
        _nginx(tmp_path, public),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as http,
    ):
        yield Site(http, f"https://localhost:{public}", received, tmp_path)


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/", "bridge"),
        ("/?lang=en", "bridge"),
        ("/docs", "bridge"),
        ("/openapi.json", "bridge"),
        ("/api/conversations", "bridge"),
        ("/api/messages/attachment/!room:portal/$event", "bridge"),
        ("/_matrix/push/v1/notify", "bridge"),
        ("/_matrix/client/versions", "homeserver"),
        ("/_matrix/federation/v1/version", "homeserver"),
        ("/_matrix/app/v1/transactions/1", "homeserver"),  # which has no such thing
        ("/_synapse/client/pick_idp", "homeserver"),
        ("/metrics", None),
        ("/health/ready", None),
        ("/_synapse/admin/v1/server_version", None),
        ("/_synapse/client/videoconsulta/v1/happened", None),
        ("/videoconsulta/policy", None),
        ("/_synapse/admin/v1/rooms/..%2f..%2f..%2fclient%2fx", None),
        ("/_synapse/admin/v1/rooms/..%2F%2e%2E%2f../client/x", None),
        ("/_synapse/client/videoconsulta/v1/happened/..%2f..%2f..%2fy", None),
        ("/_matrix/app/v1/transactions/..%2f..%2f..%2f..%2fapi%2fx", None),
        ("/metrics/..%2fdocs", None),
        ("/metrics/..", None),
        ("/metrics/..?lang=en", None),
        ("/api/conversations?after=/../x", "bridge"),
        ("/_matrix/client/v3/profile/@a..b:portal", "homeserver"),
    ],
)
async def test_who_answers(site: Site, path: str, who: str | None) -> None:
    """What is for people reaches the one that has it, with their address; the rest, however it is written, nobody."""
    async with site.http.get(URL(site.address + path, encoded=True)) as response:
        assert response.headers.get("Who") == who
        if who is None:
            assert response.status == 404
        else:
            assert await response.text() == "127.0.0.1 localhost"


async def test_a_stream_is_not_held_back(site: Site) -> None:
    """An event arrives when it is told, not when there are enough."""
    async with site.http.get(f"{site.address}/api/events") as response, asyncio.timeout(_PATIENCE_S):
        assert await response.content.readline() == b"data: 1\n"


async def test_a_file_is_passed_on_while_it_comes(site: Site) -> None:
    """The bridge has the beginning while the end is still to come; 51 MiB and no more."""
    go_on = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(1_000_000)
        await go_on.wait()
        yield bytes(49_000_000)

    upload = asyncio.create_task(_post(site, _UPLOAD, pieces()))
    async with asyncio.timeout(_PATIENCE_S):
        assert await site.received.get() > 0
        go_on.set()
        assert await upload == 200
    assert await _post(site, _UPLOAD, BytesIO(bytes(54_000_000))) == 413


async def test_nothing_is_written_to_disk(site: Site) -> None:
    """Neither what people write and send nor what they read, slowly: it would lie there in plain text."""
    spools = [site.directory / name for name in ("body", "proxy")]
    for spool in spools:
        os.utime(spool, (0, 0))
    assert await _post(site, "/api/messages/send", BytesIO(bytes(32_000))) == 200
    assert await _post(site, _UPLOAD, BytesIO(bytes(_BIG))) == 200
    assert await _post(site, "/_matrix/media/v3/upload", BytesIO(bytes(_BIG))) == 200
    async with site.http.get(f"{site.address}{_BIG_FILE}") as response:
        await asyncio.sleep(1)
        assert len(await response.read()) == _BIG
    assert [spool.stat().st_mtime for spool in spools] == [0, 0]


async def test_no_address_is_written_to_a_log(site: Site) -> None:
    """An error tells nginx's log which request met it, which may hold a token: these errors aren't told."""
    assert await _post(site, "/unsubscribe/t0ken", BytesIO(b"x")) == 404
    assert await _post(site, "/api/unsubscribe/t0ken", BytesIO(bytes(2_000_000))) == 413
    assert await _post(site, _BROKEN, BytesIO(b"x")) == 502
    logs = [path.read_text() for path in site.directory.glob("*.log")]
    assert len(logs) == 2
    assert not any("t0ken" in log for log in logs)


async def test_where_the_homeserver_is(site: Site) -> None:
    """Other servers and clients are told, the latter from any page."""
    async with site.http.get(f"{site.address}/.well-known/matrix/server") as response:
        assert await response.json() == {"m.server": "portal.example.org:443"}
    async with site.http.get(f"{site.address}/.well-known/matrix/client") as response:
        assert (await response.json())["m.homeserver"] == {"base_url": "https://portal.example.org"}
        assert response.headers["Access-Control-Allow-Origin"] == "*"


async def _post(site: Site, path: str, body: AsyncIterator[bytes] | BytesIO) -> int:
    async with site.http.post(f"{site.address}{path}", data=body) as response:
        return response.status


@asynccontextmanager
async def _behind(who: str, port: int, received: asyncio.Queue[int]) -> AsyncIterator[None]:
    async def answer(request: web.Request) -> web.StreamResponse:
        async for piece in request.content.iter_any():
            received.put_nowait(len(piece))
        if request.path == "/api/events":
            stream = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
            await stream.prepare(request)
            await stream.write(b"data: 1\n")
            await asyncio.sleep(60)
        if request.path == _BIG_FILE:
            return web.Response(body=bytes(_BIG))
        if request.path == _BROKEN and request.transport is not None:
            request.transport.abort()
        text = f"{request.headers['X-Forwarded-For']} {request.headers['Host']}"
        return web.Response(text=text, headers={"Who": who})

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _nginx(directory: Path, port: int) -> AsyncIterator[None]:
    assert _NGINX is not None
    with (directory / "nginx.out").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(_NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf")), stdout=output, stderr=output
        )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not await _listens(port):
                assert process.returncode is None, (directory / "nginx.out").read_text()
                await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
