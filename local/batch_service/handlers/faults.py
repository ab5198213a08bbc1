"""Faults to order, for tests and demonstrations. Not part of Azure: everything is under /_local."""

from aiohttp import web

from local.batch_service.errors import NotFound, invalid_query
from local.batch_service.wire import answer, engine


async def preempt_node(request: web.Request) -> web.Response:
    """Takes a node away as Azure takes back a Spot machine; `?seconds=` (simulated) later it is there again."""
    node = engine(request).find_node(request.match_info["node"])
    if node is None:
        raise NotFound("NodeNotFound", "The specified node does not exist.")
    text = request.query.get("seconds", "0")
    try:
        outage = float(text)
    except ValueError as error:
        raise invalid_query("seconds", f"{text!r} is not a number") from error
    engine(request).preempt(node, outage)
    return answer(request, 202)


routes = [web.post("/_local/nodes/{node}/preempt", preempt_node)]
