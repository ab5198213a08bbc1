"""Operations on compute nodes."""

from typing import Literal

from aiohttp import web

from local.batch_service.records import Node
from local.batch_service.specs import NodeActionRequest, parse
from local.batch_service.views import node_view
from local.batch_service.wire import answer, chosen, engine, list_page, read_body


def _node(request: web.Request) -> Node:
    return engine(request).state.node(request.match_info["pool"], request.match_info["node"])


async def list_nodes(request: web.Request) -> web.Response:
    account = engine(request)
    nodes = account.state.pool(request.match_info["pool"]).nodes.values()
    return list_page(request, nodes, lambda node: node_view(node, account.url), "nodes")


async def get_node(request: web.Request) -> web.Response:
    node = _node(request)
    return answer(request, body=chosen(request, node_view(node, engine(request).url)), record=node.pool)


async def reboot_node(request: web.Request) -> web.Response:
    return await _restart(request, "rebooting")


async def reimage_node(request: web.Request) -> web.Response:
    return await _restart(request, "reimaging")


async def _restart(request: web.Request, state: Literal["rebooting", "reimaging"]) -> web.Response:
    account, node = engine(request), _node(request)
    option = parse(NodeActionRequest, await read_body(request)).option
    account.background.spawn(account.nodes.restart(node, state, option))
    return answer(request, 202, record=node.pool)


async def disable_scheduling(request: web.Request) -> web.Response:
    account, node = engine(request), _node(request)
    option = parse(NodeActionRequest, await read_body(request)).option
    node.scheduling = "disabled"
    account.background.spawn(account.nodes.evict(node, option))
    return answer(request, record=node.pool)


async def enable_scheduling(request: web.Request) -> web.Response:
    node = _node(request)
    node.scheduling = "enabled"
    engine(request).scheduler.kick()
    return answer(request, record=node.pool)


routes = [
    web.get("/pools/{pool}/nodes", list_nodes),
    web.get("/pools/{pool}/nodes/{node}", get_node),
    web.post("/pools/{pool}/nodes/{node}/reboot", reboot_node),
    web.post("/pools/{pool}/nodes/{node}/reimage", reimage_node),
    web.post("/pools/{pool}/nodes/{node}/disablescheduling", disable_scheduling),
    web.post("/pools/{pool}/nodes/{node}/enablescheduling", enable_scheduling),
]
