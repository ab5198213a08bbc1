import datetime
import os

import pytest
from azure.batch import models
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from tests.local.batch_service.local_batch import LocalBatch, fresh, retries, settings, until


def test_a_task_runs_and_says_how_it_went(batch: LocalBatch) -> None:
    task = batch.perform("sh -c 'echo out; echo err >&2'")
    assert task.execution_info is not None
    assert (task.execution_info.result, task.execution_info.exit_code) == ("success", 0)
    assert task.execution_info.start_time <= task.execution_info.end_time
    assert batch.read(task) == b"out\n"
    assert batch.read(task, "stderr.txt") == b"err\n"
    assert task.node_info is not None
    assert task.node_info.pool_id == "main"


def test_commands_are_not_run_in_a_shell(batch: LocalBatch) -> None:
    assert batch.read(batch.perform("echo $HOME && ls")) == b"$HOME && ls\n"


def test_the_environment_is_scrubbed(batch: LocalBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_SECRET", "must not travel")
    job = batch.create_job(common_environment_settings=settings(COMMON="job", BOTH="job"))
    task = batch.perform("env", job, environment_settings=settings(OWN="x y", BOTH="task"))
    found = dict(line.split("=", 1) for line in batch.read(task).decode().splitlines())
    own = {name: value for name, value in found.items() if not name.startswith("AZ_BATCH_")}
    working_directory = found["AZ_BATCH_TASK_WORKING_DIR"]
    assert own.pop("TMPDIR").startswith(found["AZ_BATCH_NODE_ROOT_DIR"])
    assert own == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": working_directory,
        "IMAGE": "on every node",
        "COMMON": "job",
        "OWN": "x y",
        "BOTH": "task",
    }
    assert found["AZ_BATCH_JOB_ID"] == job
    assert found["AZ_BATCH_TASK_ID"] == task.id
    assert found["AZ_BATCH_POOL_ID"] == "main"
    assert working_directory == os.path.join(found["AZ_BATCH_TASK_DIR"], "wd")


def test_the_temporary_folder_exists_and_goes_with_the_task(batch: LocalBatch) -> None:
    task = batch.perform("sh -c 'test -d $TMPDIR && echo $TMPDIR'")
    folder = batch.read(task).decode().strip()
    assert folder
    until(lambda: not os.path.exists(folder))


def test_a_missing_program_is_no_reason_to_retry(batch: LocalBatch) -> None:
    info = batch.perform("no-such-program-here", constraints=retries(3)).execution_info
    assert info is not None
    assert (info.retry_count, info.exit_code, info.result) == (0, None, "failure")
    assert info.failure_info.code == "CommandProgramNotFound"
    assert "no-such-program-here" in info.failure_info.message


def test_unbalanced_quotes_fail_the_task(batch: LocalBatch) -> None:
    info = batch.perform("echo 'open").execution_info
    assert info is not None
    assert info.failure_info.code == "CommandLaunchFailed"


def test_a_failing_task_is_retried_as_often_as_asked(batch: LocalBatch) -> None:
    job = batch.create_job()
    count = "sh -c 'echo run >> ../runs; exit 3'"
    task = batch.perform(count, job, constraints=retries(2))
    info = task.execution_info
    assert info is not None
    assert (info.exit_code, info.retry_count, info.result) == (3, 2, "failure")
    assert info.failure_info.code == "FailureExitCode"
    assert batch.read(task, "runs").count(b"run") == 3


def test_the_jobs_retry_count_is_the_tasks_default(batch: LocalBatch) -> None:
    job = batch.create_job(constraints=models.BatchJobConstraints(max_task_retry_count=1))
    info = batch.perform("false", job).execution_info
    assert info is not None
    assert info.retry_count == 1


def test_the_wall_clock_limit_ends_a_task_for_good(batch: LocalBatch) -> None:
    limit = models.BatchTaskConstraints(max_wall_clock_time=datetime.timedelta(seconds=0.2), max_task_retry_count=3)
    info = batch.perform("sleep 60", constraints=limit).execution_info
    assert info is not None
    assert (info.exit_code, info.retry_count, info.failure_info.code) == (137, 0, "TaskEnded")
    assert "maxWallClockTime" in info.failure_info.message


def test_what_a_task_leaves_behind_is_killed(batch: LocalBatch) -> None:
    task = batch.perform("sh -c 'sleep 60 & echo $!'")
    pid = int(batch.read(task))
    until(lambda: _is_gone(pid))


def _is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_terminating_a_running_task_kills_it(batch: LocalBatch) -> None:
    job = batch.create_job()
    task = batch.create_task(job, "sleep 60")
    batch.reached(job, task, "running")
    batch.client.terminate_task(job, task)
    info = batch.completed(job, task).execution_info
    assert info is not None
    assert (info.exit_code, info.failure_info.code) == (137, "TaskEnded")
    with pytest.raises(ResourceExistsError, match="TaskCompleted"):
        batch.client.terminate_task(job, task)


def test_terminating_a_waiting_task_completes_it_at_once(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    task = batch.create_task(job, "true")
    batch.client.terminate_task(job, task)
    assert batch.client.get_task(job, task).execution_info.failure_info.code == "TaskEnded"


def test_a_failed_task_can_be_reactivated_a_successful_one_not(batch: LocalBatch) -> None:
    job = batch.create_job()
    failed = batch.perform("sh -c 'test -e ../done || { touch ../done; exit 1; }'", job)
    assert failed.execution_info.result == "failure"
    batch.client.reactivate_task(job, failed.id)
    again = batch.completed(job, failed.id)
    assert again.execution_info.result == "success"
    with pytest.raises(ResourceExistsError, match="TaskSucceeded"):
        batch.client.reactivate_task(job, failed.id)


def test_a_terminated_waiting_task_runs_once_when_reactivated(batch: LocalBatch) -> None:
    job = batch.create_job()
    batch.finish(batch.client.begin_disable_job, job, models.BatchJobDisableOptions(disable_tasks="requeue"))
    task = batch.create_task(job, "sh -c 'echo run >> ../runs'")
    batch.client.terminate_task(job, task)
    batch.client.reactivate_task(job, task)
    batch.finish(batch.client.begin_enable_job, job)
    assert batch.read(batch.completed(job, task), "runs") == b"run\n"
    assert batch.client.get_job_task_counts(job).task_counts.succeeded == 1


def test_deleting_a_running_task_kills_it_and_frees_its_slot(batch: LocalBatch) -> None:
    job = batch.create_job()
    task = batch.create_task(job, "sleep 60", required_slots=2)
    seen = batch.reached(job, task, "running")
    batch.client.delete_task(job, task)
    with pytest.raises(ResourceNotFoundError, match="TaskNotFound"):
        batch.client.get_task(job, task)
    node = seen.node_info.node_id
    until(lambda: batch.client.get_node("main", node).running_task_slots_count == 0)
    counts = batch.client.get_job_task_counts(job).task_counts
    assert (counts.active, counts.running, counts.completed) == (0, 0, 0)


def test_a_task_id_is_taken_whatever_its_case(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    batch.create_task(job, "true", id="Chunk-1")
    with pytest.raises(ResourceExistsError, match="TaskExists"):
        batch.create_task(job, "true", id="chunk-1")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"id": "a b"}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"required_slots": 0}, "requiredSlots"),
        ({"resource_files": [models.ResourceFile(http_url="http://x/?sig=secret")]}, "resourceFiles.0.filePath"),
    ],
)
def test_bad_tasks_are_refused_by_name(batch: LocalBatch, options: dict[str, object], named: str) -> None:
    job = batch.create_job("empty")
    with pytest.raises(HttpResponseError) as refused:
        batch.create_task(job, "true", **options)
    assert refused.value.status_code == 400
    details = {detail.code: detail.message for detail in refused.value.error.details}
    assert details["PropertyName"] == named
    assert "secret" not in str(refused.value)


def test_tasks_of_unknown_jobs_are_refused(batch: LocalBatch) -> None:
    with pytest.raises(ResourceNotFoundError, match="JobNotFound"):
        batch.create_task("nowhere", "true")


def test_a_task_waits_for_those_it_depends_on(batch: LocalBatch) -> None:
    job = batch.create_job(uses_task_dependencies=True)
    after_good = batch.create_task(job, "true", depends_on=models.BatchTaskDependencies(task_ids=["good"]))
    after_bad = batch.create_task(job, "true", depends_on=models.BatchTaskDependencies(task_ids=["bad"]))
    after_allowed = batch.create_task(job, "true", depends_on=models.BatchTaskDependencies(task_ids=["allowed"]))
    satisfy = models.ExitConditions(default=models.ExitOptions(dependency_action="satisfy"))
    batch.perform("true", job, id="good")
    batch.perform("false", job, id="bad")
    batch.perform("false", job, id="allowed", exit_conditions=satisfy)
    batch.completed(job, after_good)
    batch.completed(job, after_allowed)
    assert batch.client.get_task(job, after_bad).state == "active"


def test_dependencies_need_a_job_that_uses_them(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    with pytest.raises(HttpResponseError, match="usesTaskDependencies"):
        batch.create_task(job, "true", depends_on=models.BatchTaskDependencies(task_ids=["x"]))


def test_changing_a_task_honours_its_entity_tag(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    task = batch.client.get_task(job, batch.create_task(job, "true"))
    task.constraints = retries(7)
    with pytest.raises(ResourceModifiedError, match="ConditionNotMet"):
        batch.client.replace_task(job, task.id, task, etag="0xOLD", match_condition=MatchConditions.IfNotModified)
    batch.client.replace_task(job, task.id, task, etag=task.etag, match_condition=MatchConditions.IfNotModified)
    assert batch.client.get_task(job, task.id).constraints.max_task_retry_count == 7


def test_a_container_runs_through_its_entry_point(batch: LocalBatch) -> None:
    task = batch.perform("one 'two three'", container_settings=models.BatchTaskContainerSettings(image_name="tool:1"))
    assert batch.read(task) == b"entry point one two three\n"
    unknown = models.BatchTaskContainerSettings(image_name="tool:2")
    info = batch.perform("true", container_settings=unknown).execution_info
    assert info.failure_info.code == "ContainerInvalidImage"


def test_properties_the_service_does_not_act_on_are_kept(batch: LocalBatch) -> None:
    job = batch.create_job("empty")
    name = fresh("task")
    options = models.BatchTaskCreateOptions(id=name, command_line="true", display_name="a+b é & c=d")
    batch.client.create_task(job, options)
    assert batch.client.get_task(job, name).display_name == "a+b é & c=d"
    found = batch.client.list_tasks(job, filter="displayName eq 'a+b é & c=d'")
    assert [task.id for task in found] == [name]
