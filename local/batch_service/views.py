"""Records as the JSON that Batch answers with."""

from typing import Any

from local.batch_service.records import Failure, Job, Node, Pool, Task
from local.batch_service.timestamps import UNLIMITED, iso

View = dict[str, Any]
_NODE_STATES = [
    "creating",
    "idle",
    "offline",
    "preempted",
    "rebooting",
    "reimaging",
    "running",
    "starting",
    "startTaskFailed",
    "leavingPool",
    "unknown",
    "unusable",
    "waitingForStartTask",
    "deallocated",
    "deallocating",
    "upgradingOS",
]
_COUNT_NAMES = {name.lower(): name for name in _NODE_STATES}


def pool_view(pool: Pool, base: str) -> View:
    view: View = {
        "taskSchedulingPolicy": {"nodeFillType": "spread"},
        "resizeTimeout": "PT15M",
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        **pool.raw,
        "url": f"{base}/pools/{pool.id}",
        "eTag": pool.etag,
        "lastModified": iso(pool.created),
        "creationTime": iso(pool.created),
        "state": pool.state,
        "stateTransitionTime": iso(pool.created),
        "allocationState": pool.allocation,
        "allocationStateTransitionTime": iso(pool.allocation_changed),
        "currentDedicatedNodes": len(pool.members(dedicated=True)),
        "currentLowPriorityNodes": len(pool.members(dedicated=False)),
        "targetDedicatedNodes": pool.dedicated,
        "targetLowPriorityNodes": pool.low_priority,
        "taskSlotsPerNode": pool.spec.task_slots_per_node,
    }
    return view | ({"autoScaleRun": pool.autoscale_run} if pool.autoscale_run else {})


def _node_state(node: Node) -> str:
    return "running" if node.running and node.state == "idle" else node.state


def node_view(node: Node, base: str) -> View:
    pool, changed = node.pool, iso(node.changed)
    image = (pool.raw.get("virtualMachineConfiguration") or {}).get("imageReference")
    return {
        "id": node.id,
        "url": f"{base}/pools/{pool.id}/nodes/{node.id}",
        "state": _node_state(node),
        "schedulingState": node.scheduling,
        "stateTransitionTime": changed,
        "allocationTime": changed,
        "lastBootTime": changed,
        "ipAddress": "127.0.0.1",
        "affinityId": f"TVM:{node.id}",
        "vmSize": pool.spec.vm_size,
        "totalTasksRun": node.tasks_run,
        "totalTasksSucceeded": node.tasks_succeeded,
        "runningTasksCount": len(node.running),
        "runningTaskSlotsCount": pool.spec.task_slots_per_node - node.free_slots,
        "isDedicated": node.dedicated,
        "nodeAgentInfo": {"version": "1.0", "lastUpdateTime": changed},
        "virtualMachineInfo": {"imageReference": image},
        "endpointConfiguration": {"inboundEndpoints": []},
    }


def node_counts_view(pool: Pool) -> View:
    return {
        "poolId": pool.id,
        "dedicated": _node_counts(pool.members(dedicated=True)),
        "lowPriority": _node_counts(pool.members(dedicated=False)),
    }


def _node_counts(nodes: list[Node]) -> dict[str, int]:
    counts = dict.fromkeys(_NODE_STATES, 0)
    for node in nodes:
        counts[_COUNT_NAMES[_node_state(node)]] += 1
    return counts | {"total": len(nodes)}


def job_view(job: Job, base: str) -> View:
    execution: View = {"startTime": iso(job.created), "poolId": job.spec.pool_info.pool_id}
    if job.ended is not None:
        execution["endTime"] = iso(job.ended)
    if job.reason is not None:
        execution["terminateReason"] = job.reason
    return {
        "priority": 0,
        "maxParallelTasks": -1,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        "usesTaskDependencies": False,
        **job.raw,
        "url": f"{base}/jobs/{job.id}",
        "eTag": job.etag,
        "lastModified": iso(job.changed),
        "creationTime": iso(job.created),
        "state": job.state,
        "stateTransitionTime": iso(job.changed),
        "executionInfo": execution,
    }


def task_counts_view(job: Job) -> View:
    return {"taskCounts": job.counts, "taskSlotCounts": job.slot_counts}


def task_view(task: Task, base: str) -> View:
    constraints = {"maxWallClockTime": UNLIMITED, "retentionTime": "P7D"} | (task.raw.get("constraints") or {})
    view: View = {
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
        **task.raw,
        "url": f"{base}/jobs/{task.job.id}/tasks/{task.id}",
        "eTag": task.etag,
        "creationTime": iso(task.created),
        "lastModified": iso(task.changed),
        "state": task.state,
        "stateTransitionTime": iso(task.changed),
        "requiredSlots": task.slots,
        "constraints": constraints | {"maxTaskRetryCount": task.max_retries},
        "executionInfo": _execution(task),
    }
    if task.previous is not None:
        view |= {"previousState": task.previous, "previousStateTransitionTime": iso(task.previous_changed)}
    if task.node_id is not None:
        view["nodeInfo"] = _node_info(task, base)
    return view


def _execution(task: Task) -> View:
    result = ("failure" if task.failure else "success") if task.state == "completed" else None
    optional = {
        "startTime": iso(task.started),
        "endTime": iso(task.ended),
        "exitCode": task.exit_code,
        "failureInfo": _failure(task.failure) if task.failure else None,
        "lastRetryTime": iso(task.last_retry),
        "lastRequeueTime": iso(task.last_requeue),
        "result": result,
    }
    known = {name: value for name, value in optional.items() if value is not None}
    return {"retryCount": task.retries, "requeueCount": task.requeues, **known}


def _failure(failure: Failure) -> View:
    details = [{"name": "Message", "value": failure.message}]
    return {"category": failure.category, "code": failure.code, "message": failure.message, "details": details}


def _node_info(task: Task, base: str) -> View:
    node_url = f"{base}/pools/{task.pool_id}/nodes/{task.node_id}"
    return {
        "affinityId": f"TVM:{task.node_id}",
        "poolId": task.pool_id,
        "nodeId": task.node_id,
        "nodeUrl": node_url,
        "taskRootDirectory": task.directory,
        "taskRootDirectoryUrl": f"{node_url}/files/{task.directory}",
    }
