"""A real Azurite for the data account, the app's doors, and the client as a process of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from azure.storage.blob.aio import BlobServiceClient

from client.cli import main
from tests.azurite import Azurite
from tests.client.fake_function_app import FakeFunctionApp

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def storage(azurite: Azurite) -> AsyncIterator[BlobServiceClient]:
    """The data account, its containers there and empty."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        for name in ("videos", "styles", "outputs"):
            container = service.get_container_client(name)
            if await container.exists():
                async for blob in container.list_blob_names():
                    await container.delete_blob(blob)
            else:
                await container.create_container()
        yield service


@pytest.fixture
async def app(storage: BlobServiceClient) -> AsyncIterator[FakeFunctionApp]:
    fake = FakeFunctionApp(storage)
    runner = web.AppRunner(fake.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out.splitlines()[-1])


@dataclass(frozen=True)
class ClientProcess:
    """`await client_process("submit", ...)` runs `python -m client submit ...` in an empty folder."""

    folder: Path
    environment: dict[str, str]

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "client", *arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A shell that runs the tests in the background has SIGINT ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    async def __call__(self, *arguments: str) -> Finished:
        process = await self.start(*arguments)
        try:
            out, err = await process.communicate()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        assert process.returncode is not None
        result = Finished(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in result.err, result.err
        return result


@dataclass(frozen=True)
class Client:
    """`await client("submit", ...)` is the same without a process of its own: a second faster."""

    captured: pytest.CaptureFixture[str]

    async def __call__(self, *arguments: str) -> Finished:
        self.captured.readouterr()
        code = await asyncio.to_thread(main, arguments)
        out, err = self.captured.readouterr()
        return Finished(code, out, err)


@pytest.fixture
def environment(app: FakeFunctionApp, azurite: Azurite) -> dict[str, str]:
    return {"ATELIER_ENDPOINT": app.url, "ATELIER_STORAGE": azurite.connection_string}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def client_process(environment: dict[str, str], here: Path) -> ClientProcess:
    return ClientProcess(here, environment | {"PATH": os.environ["PATH"], "HOME": str(here), "PYTHONPATH": str(ROOT)})


@pytest.fixture
def client(
    environment: dict[str, str], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Client:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(here)
    return Client(capsys)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"as far as the client goes, any bytes are a video " * 500)
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "Über Wave.JPG"
    path.write_bytes(b"\xff\xd8\xff\xe0 and so on")
    return path
