"""Operations on pools."""

from aiohttp import web

from local.batch_service.errors import Conflict, invalid_property
from local.batch_service.records import Pool
from local.batch_service.specs import RemoveNodesRequest, ResizeRequest, parse
from local.batch_service.views import node_counts_view, pool_view
from local.batch_service.wire import answer, check_conditions, chosen, engine, list_page, read_body


def _pool(request: web.Request) -> Pool:
    return engine(request).state.pool(request.match_info["pool"])


async def create_pool(request: web.Request) -> web.Response:
    pool = engine(request).pools.create(await read_body(request))
    return answer(request, 201, record=pool, location=f"/pools/{pool.id}")


async def list_pools(request: web.Request) -> web.Response:
    account = engine(request)
    return list_page(request, account.state.pools.values(), lambda pool: pool_view(pool, account.url), "pools")


async def get_pool(request: web.Request) -> web.Response:
    """HEAD, the SDK's pool_exists, comes here too."""
    pool = _pool(request)
    check_conditions(request, pool)
    return answer(request, body=chosen(request, pool_view(pool, engine(request).url)), record=pool)


async def update_pool(request: web.Request) -> web.Response:
    pool = _pool(request)
    check_conditions(request, pool)
    engine(request).pools.update(pool, await read_body(request))
    return answer(request, record=pool)


async def delete_pool(request: web.Request) -> web.Response:
    pool = _pool(request)
    check_conditions(request, pool)
    engine(request).pools.delete(pool)
    return answer(request, 202)


async def resize_pool(request: web.Request) -> web.Response:
    pool = _pool(request)
    check_conditions(request, pool)
    engine(request).pools.resize(pool, parse(ResizeRequest, await read_body(request)))
    return answer(request, 202, record=pool)


async def stop_resize_pool(request: web.Request) -> web.Response:
    """Local resizes are over in moments: there is never one left to stop."""
    return answer(request, 202, record=_pool(request))


async def remove_nodes(request: web.Request) -> web.Response:
    pool = _pool(request)
    wanted = parse(RemoveNodesRequest, await read_body(request))
    for node_id in wanted.node_list:
        if node_id not in pool.nodes:
            raise invalid_property("nodeList", node_id, f"pool {pool.id!r} has no such node")
    nodes = [pool.nodes[node_id] for node_id in wanted.node_list]
    engine(request).pools.remove_nodes(pool, nodes, wanted.node_deallocation_option)
    return answer(request, 202, record=pool)


async def enable_auto_scale(request: web.Request) -> web.Response:
    pool = _pool(request)
    check_conditions(request, pool)
    engine(request).pools.enable_auto_scale(pool, await read_body(request))
    return answer(request, record=pool)


async def disable_auto_scale(request: web.Request) -> web.Response:
    pool = _pool(request)
    engine(request).pools.disable_auto_scale(pool)
    return answer(request, record=pool)


async def evaluate_auto_scale(request: web.Request) -> web.Response:
    pool = _pool(request)
    if not pool.spec.enable_auto_scale:
        raise Conflict("AutoScalingNotEnabled", "Autoscale is not enabled on the pool.")
    formula = (await read_body(request)).get("autoScaleFormula")
    if not isinstance(formula, str):
        raise invalid_property("autoScaleFormula", formula, "a formula is required")
    _, run = engine(request).autoscaler.evaluate(pool, formula)
    return answer(request, body=run, record=pool)


async def list_pool_node_counts(request: web.Request) -> web.Response:
    return list_page(request, engine(request).state.pools.values(), node_counts_view, "poolnodecounts", limit=10)


routes = [
    web.post("/pools", create_pool),
    web.get("/pools", list_pools),
    web.get("/nodecounts", list_pool_node_counts),
    web.get("/pools/{pool}", get_pool),
    web.patch("/pools/{pool}", update_pool),
    web.delete("/pools/{pool}", delete_pool),
    web.post("/pools/{pool}/resize", resize_pool),
    web.post("/pools/{pool}/stopresize", stop_resize_pool),
    web.post("/pools/{pool}/removenodes", remove_nodes),
    web.post("/pools/{pool}/enableautoscale", enable_auto_scale),
    web.post("/pools/{pool}/disableautoscale", disable_auto_scale),
    web.post("/pools/{pool}/evaluateautoscale", evaluate_auto_scale),
]
