"""The toxic proxy between a plain HTTP client and a small real server: what it does is what it says."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from aiohttp import web

from tests.chaos.toxic_proxy import Kind, Toxic, ToxicProxy, batch_error, storage_error

pytestmark = pytest.mark.timeout(60)

BODY = bytes(range(256)) * 40


@dataclass
class Service:
    """Answers with what it got; `arrived` has every body that came in full."""

    arrived: list[bytes] = field(default_factory=list[bytes])

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.arrived.append(body)
        return web.Response(body=body or BODY, headers={"x-path": request.raw_path, "x-host": request.headers["Host"]})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def proxy(service: Service) -> AsyncIterator[ToxicProxy]:
    application = web.Application(client_max_size=0)
    application.router.add_route("*", "/{anything:.*}", service.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = ToxicProxy(runner.addresses[0][1], storage_error)
    await made.start()
    yield made
    await made.close()
    await runner.cleanup()


def toxic(kind: Kind, share: float = 1.0, **more: object) -> Toxic:
    return Toxic(kind, random.Random(7), share, **more)  # type: ignore[arg-type]


async def put(proxy: ToxicProxy, path: str = "/a/b%2Fc?sig=x%3D") -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.put(f"http://127.0.0.1:{proxy.port}{path}", content=BODY)


async def test_without_a_toxic_everything_passes_as_it_is(proxy: ToxicProxy) -> None:
    answer = await put(proxy)
    assert answer.status_code == 200
    assert answer.content == BODY
    assert answer.headers["x-path"] == "/a/b%2Fc?sig=x%3D"
    assert answer.headers["x-host"] == f"127.0.0.1:{proxy.port}"


async def test_an_error_has_the_services_shape_and_never_reaches_it(proxy: ToxicProxy, service: Service) -> None:
    proxy.add(toxic("error", status=503))
    answer = await put(proxy)
    assert answer.status_code == 503
    assert answer.headers["x-ms-error-code"] == "ServerBusy"
    assert service.arrived == []


def test_a_batch_error_is_what_the_batch_client_parses() -> None:
    assert b'"code": "TooManyRequests"' in batch_error(429).body


@pytest.mark.parametrize("kind", ["cut-request", "refuse"])
async def test_a_request_that_is_cut_never_arrives_in_full(proxy: ToxicProxy, service: Service, kind: Kind) -> None:
    proxy.add(toxic(kind))
    with pytest.raises(httpx.TransportError):
        await put(proxy)
    assert service.arrived == []


async def test_a_cut_answer_leaves_the_work_done(proxy: ToxicProxy, service: Service) -> None:
    proxy.add(toxic("cut-response"))
    with pytest.raises(httpx.TransportError):
        await put(proxy)
    assert service.arrived == [BODY]


@pytest.mark.parametrize("kind", ["delay", "drip"])
async def test_slowness_changes_no_byte(proxy: ToxicProxy, kind: Kind) -> None:
    slow = toxic(kind, seconds=0.1)
    proxy.add(slow)
    assert (await put(proxy)).content == BODY
    assert slow.struck == 1


async def test_a_share_of_the_requests_is_struck_and_the_same_ones_for_the_same_seed() -> None:
    def struck() -> list[bool]:
        one = toxic("error", 0.3)
        return [one.strikes("GET", "/") for _ in range(200)]

    assert struck() == struck()
    assert 30 < sum(struck()) < 90


async def test_only_what_matches_is_struck_and_what_was_removed_strikes_no_more(proxy: ToxicProxy) -> None:
    one = toxic("error", method="PUT", path="/struck/")
    proxy.add(one)
    assert (await put(proxy, "/struck/x")).status_code == 503
    assert (await put(proxy, "/spared/x")).status_code == 200
    proxy.remove(one)
    assert (await put(proxy, "/struck/x")).status_code == 200
    assert one.struck == 1


async def test_a_service_that_is_gone_looks_gone(proxy: ToxicProxy) -> None:
    gone = ToxicProxy(1, storage_error)
    await gone.start()
    try:
        with pytest.raises(httpx.TransportError):
            await put(gone)
    finally:
        await gone.close()
