"""State survives the end of the service, tidy or not; nothing that ran goes on running behind its back."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.batch_service import PoolSettings, StateError, StateInUseError
from tests.local.batch_service.local_batch import LocalBatch, retries, until
from tests.local.batch_service.service_process import ServiceProcess, is_gone

# First run: leaves its processes' ids (its own, a child's) and sleeps. Second run: ends at once.
COMMAND = "sh -c 'test -e ../ids && exit 0; sleep 300 & echo $$ $! > ../ids.new; mv ../ids.new ../ids; wait'"

pytestmark = pytest.mark.timeout(60)


def _start_task(batch: LocalBatch) -> tuple[str, str, list[int]]:
    """A running task and the ids of its processes."""
    job = batch.create_job(batch.create_pool(1))
    task = batch.create_task(job, COMMAND, constraints=retries(0))
    until(lambda: list(batch.state.glob(f"nodes/*/*/workitems/{job}/job-1/{task}/ids")))
    (ids,) = batch.state.glob(f"nodes/*/*/workitems/{job}/job-1/{task}/ids")
    return job, task, [int(pid) for pid in ids.read_text().split()]


def test_a_killed_service_leaves_no_task_running_and_goes_on_at_the_next_start(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as service:
        job, task, pids = _start_task(service)
        done = service.perform("true", service.create_job(service.create_pool(1)))
        service.stop(signal.SIGKILL)
    until(lambda: all(is_gone(pid) for pid in pids))
    with ServiceProcess(tmp_path) as service:
        info = service.completed(job, task).execution_info
        assert (info.result, info.requeue_count, info.retry_count) == ("success", 1, 0)
        other_job = done.url.split("/jobs/")[1].split("/")[0]
        assert service.client.get_task(other_job, done.id).execution_info.result == "success"
        assert service.read(service.client.get_task(other_job, done.id)) == b""


def test_orphans_are_killed_at_the_next_start_if_nothing_else_did(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as service:
        job, task, pids = _start_task(service)
        watchdog = service.watchdog()
        os.kill(watchdog, signal.SIGSTOP)
        service.stop(signal.SIGKILL)
    os.kill(watchdog, signal.SIGKILL)
    assert not any(is_gone(pid) for pid in pids)
    with ServiceProcess(tmp_path) as service:
        assert service.completed(job, task).execution_info.requeue_count == 1
        until(lambda: all(is_gone(pid) for pid in pids))


def test_a_tidy_stop_kills_and_requeues(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path) as service:
        job, task, pids = _start_task(service)
        assert service.stop(signal.SIGTERM) == 0
    until(lambda: all(is_gone(pid) for pid in pids))
    with ServiceProcess(tmp_path) as service:
        info = service.completed(job, task).execution_info
        assert (info.result, info.requeue_count) == ("success", 1)


def test_everything_known_is_known_after_a_restart(tmp_path: Path) -> None:
    with LocalBatch(tmp_path) as batch:
        pool = batch.create_pool(1)
        job = batch.create_job(pool, priority=3)
        done = batch.perform("sh -c 'echo kept; exit 2'", job, constraints=retries(1))
        before = batch.client.get_job(job)
    with LocalBatch(tmp_path) as batch:
        after = batch.client.get_job(job)
        assert (after.priority, after.creation_time, after.etag) == (3, before.creation_time, before.etag)
        task = batch.client.get_task(job, done.id)
        assert task.execution_info.as_dict() == done.execution_info.as_dict()
        assert batch.read(task) == b"kept\n"
        counts = batch.client.get_job_task_counts(job).task_counts
        assert (counts.completed, counts.failed) == (1, 1)
        batch.perform("true", job)


def test_deleted_things_stay_deleted_and_ids_stay_in_order(tmp_path: Path) -> None:
    with LocalBatch(tmp_path, pools=(PoolSettings("empty", 0),)) as batch:
        job, gone = batch.create_job("empty"), batch.create_job("empty")
        first, deleted = batch.create_task(job, "true"), batch.create_task(job, "true")
        batch.create_task(gone, "true")
        batch.client.delete_task(job, deleted)
        batch.finish(batch.client.begin_delete_job, gone)
        until(lambda: gone not in {listed.id for listed in batch.client.list_jobs()})
    with LocalBatch(tmp_path) as batch:
        assert [listed.id for listed in batch.client.list_jobs()] == [job]
        second = batch.create_task(job, "true")
        assert [task.id for task in batch.client.list_tasks(job)] == [first, second]


def test_a_deployed_pool_takes_its_new_size_at_a_restart(tmp_path: Path) -> None:
    with LocalBatch(tmp_path, pools=(PoolSettings("main", 1),)) as batch:
        job = batch.create_job("main")
    with LocalBatch(tmp_path, pools=(PoolSettings("main", 3, slots_per_node=2),)) as batch:
        pool = batch.client.get_pool("main")
        assert (pool.target_dedicated_nodes, pool.task_slots_per_node) == (3, 2)
        batch.perform("true", job)


@pytest.mark.parametrize(
    ("state", "later"), [("terminating", ["completed"]), ("deleting", []), ("disabling", ["disabled"])]
)
def test_what_was_under_way_with_a_job_is_finished_after_a_restart(
    tmp_path: Path, state: str, later: list[str]
) -> None:
    with LocalBatch(tmp_path) as batch:
        job = batch.service.engine.state.job(batch.create_job())

        async def die_half_way() -> None:
            job.enter(state)
            batch.service.engine.state.save(job)

        batch.run(die_half_way())
    with LocalBatch(tmp_path) as batch:
        until(lambda: [found.state for found in batch.client.list_jobs()] == later)


def test_two_services_do_not_share_a_folder(tmp_path: Path) -> None:
    with LocalBatch(tmp_path), pytest.raises(StateInUseError, match="another Batch service uses"):
        LocalBatch(tmp_path).__enter__()


def test_state_of_another_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with LocalBatch(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "batch.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match=f"version 99, this service writes 1: delete {tmp_path}"):
        LocalBatch(tmp_path).__enter__()


def test_state_and_key_are_the_owners_alone(tmp_path: Path) -> None:
    with LocalBatch(tmp_path):
        modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("batch.sqlite", "account.key")}
    assert modes == {"batch.sqlite": 0o600, "account.key": 0o600}
