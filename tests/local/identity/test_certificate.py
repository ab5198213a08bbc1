"""The certificate of the local stack: who trusts it, and what is kept of what was trusted before."""

from pathlib import Path

import certifi
import pytest
import requests
from aiohttp import web

from local.identity.certificate import make_certificate
from local.identity.server import LoopbackServer
from tests.local.loop_thread import LoopThread


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


def test_who_is_told_of_it_trusts_it_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path, {})
    application = web.Application()
    application.add_routes([web.get("/", hello)])
    with LoopThread() as loop:
        server = LoopbackServer(application, 0, certificate.server_context())
        loop.run(server.start())
        try:
            monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
            with pytest.raises(requests.exceptions.SSLError):
                requests.get(server.url, timeout=10)
            for name, value in certificate.trust().items():
                monkeypatch.setenv(name, value)
            assert requests.get(server.url, timeout=10).text == "hello"
        finally:
            loop.run(server.close())


def test_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "new", {})
    assert certificate.key.stat().st_mode & 0o777 == 0o600
    before = certificate.path.read_bytes()
    assert make_certificate(tmp_path / "new", {}).path.read_bytes() != before


def test_azurite_can_read_it_by_its_own_pem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of 64 characters, none of them the last and full."""
    for length in range(1, 25):  # it stands in the certificate twice: 48 bytes are a line
        monkeypatch.setattr("local.identity.certificate._COMMON_NAME", "x" * length)
        body = "".join(make_certificate(tmp_path, {}).path.read_text().splitlines()[1:-1])
        assert len(body) % 64 != 0


def test_what_was_trusted_before_still_is(tmp_path: Path) -> None:
    assert Path(certifi.where()).read_bytes() in make_certificate(tmp_path, {}).bundle.read_bytes()
    company = tmp_path / "company.pem"
    company.write_text("the company's own\n")
    made = make_certificate(tmp_path, {"REQUESTS_CA_BUNDLE": str(company)})
    assert b"the company's own\n" in made.bundle.read_bytes()
    assert made.path.read_bytes() in made.bundle.read_bytes()
