"""What clients may ask for: the parts of request bodies that the service acts on, checked with pydantic.

The raw body is kept beside these models and echoed unchanged, so properties the service does not act on survive.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from local.batch_service.errors import BatchError, invalid_property, missing_property
from local.batch_service.timestamps import parse_duration

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Duration = Annotated[float | None, BeforeValidator(lambda text: None if text is None else parse_duration(text))]
ScalingInterval = Annotated[
    Annotated[float, Field(ge=300)] | None,  # Batch: 5 minutes at least
    BeforeValidator(lambda text: None if text is None else parse_duration(text)),
]
Lower = BeforeValidator(lambda text: text.lower() if isinstance(text, str) else text)
Deallocation = Annotated[Literal["requeue", "terminate", "taskcompletion", "retaineddata"], Lower]
UploadCondition = Annotated[Literal["tasksuccess", "taskfailure", "taskcompletion"], Lower]


class _Spec(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class EnvironmentSetting(_Spec):
    name: str = Field(min_length=1)
    value: str | None = None


class Constraints(_Spec):
    max_wall_clock_time: Duration = None
    retention_time: Duration = 7 * 86400.0  # Batch's default
    max_task_retry_count: int | None = Field(default=None, ge=-1)


class ResourceFile(_Spec):
    http_url: str
    file_path: str = Field(min_length=1)
    file_mode: str | None = Field(default=None, pattern=r"^0?[0-7]{3,4}$")


class BlobContainer(_Spec):
    container_url: str
    path: str | None = None


class OutputDestination(_Spec):
    container: BlobContainer


class UploadOptions(_Spec):
    upload_condition: UploadCondition


class OutputFile(_Spec):
    file_pattern: str = Field(min_length=1)
    destination: OutputDestination
    upload_options: UploadOptions


class TaskIdRange(_Spec):
    start: int
    end: int


class Dependencies(_Spec):
    task_ids: tuple[str, ...] = ()
    task_id_ranges: tuple[TaskIdRange, ...] = ()


class ExitOptions(_Spec):
    job_action: Annotated[Literal["none", "disable", "terminate"], Lower] | None = None
    dependency_action: Annotated[Literal["satisfy", "block"], Lower] | None = None


class ExitCode(_Spec):
    code: int
    exit_options: ExitOptions


class ExitCodeRange(_Spec):
    start: int
    end: int
    exit_options: ExitOptions


class ExitConditions(_Spec):
    exit_codes: tuple[ExitCode, ...] = ()
    exit_code_ranges: tuple[ExitCodeRange, ...] = ()
    pre_processing_error: ExitOptions | None = None
    file_upload_error: ExitOptions | None = None
    default: ExitOptions | None = None


class ContainerSettings(_Spec):
    image_name: str


class TaskSpec(_Spec):
    id: Identifier
    command_line: str = Field(min_length=1)
    constraints: Constraints = Constraints()
    environment_settings: tuple[EnvironmentSetting, ...] = ()
    resource_files: tuple[ResourceFile, ...] = ()
    output_files: tuple[OutputFile, ...] = ()
    required_slots: int = Field(default=1, ge=1)
    depends_on: Dependencies | None = None
    exit_conditions: ExitConditions = ExitConditions()
    container_settings: ContainerSettings | None = None


class PoolInfo(_Spec):
    pool_id: str


class JobSpec(_Spec):
    id: Identifier
    pool_info: PoolInfo
    priority: int = Field(default=0, ge=-1000, le=1000)
    max_parallel_tasks: int = Field(default=-1, ge=-1)
    constraints: Constraints = Constraints()
    common_environment_settings: tuple[EnvironmentSetting, ...] = ()
    uses_task_dependencies: bool = False
    on_all_tasks_complete: Annotated[Literal["noaction", "terminatejob"], Lower] = "noaction"
    on_task_failure: Annotated[Literal["noaction", "performexitoptionsjobaction"], Lower] = "noaction"


class StartTask(_Spec):
    command_line: str = Field(min_length=1)
    environment_settings: tuple[EnvironmentSetting, ...] = ()
    wait_for_success: bool = True


class SchedulingPolicy(_Spec):
    node_fill_type: Annotated[Literal["spread", "pack"], Lower] = "spread"


class PoolSpec(_Spec):
    id: Identifier
    vm_size: str = Field(min_length=1)
    task_slots_per_node: int = Field(default=1, ge=1, le=256)
    target_dedicated_nodes: int = Field(default=0, ge=0)
    target_low_priority_nodes: int = Field(default=0, ge=0)
    enable_auto_scale: bool = False
    auto_scale_formula: str | None = None
    auto_scale_evaluation_interval: ScalingInterval = 900.0
    start_task: StartTask | None = None
    task_scheduling_policy: SchedulingPolicy = SchedulingPolicy()


class ResizeRequest(_Spec):
    target_dedicated_nodes: int | None = Field(default=None, ge=0)
    target_low_priority_nodes: int | None = Field(default=None, ge=0)
    node_deallocation_option: Deallocation = "requeue"


class RemoveNodesRequest(_Spec):
    node_list: tuple[str, ...] = Field(min_length=1, max_length=100)
    node_deallocation_option: Deallocation = "requeue"


class AutoScaleRequest(_Spec):
    auto_scale_formula: str | None = None
    auto_scale_evaluation_interval: ScalingInterval = None


class DisableJobRequest(_Spec):
    disable_tasks: Annotated[Literal["requeue", "terminate", "wait"], Lower]


class TerminateJobRequest(_Spec):
    terminate_reason: str = "UserTerminate"


class NodeActionRequest(_Spec):
    """Reboot, reimage and disable-scheduling bodies differ only in the option's name."""

    node_reboot_option: Deallocation | None = None
    node_reimage_option: Deallocation | None = None
    node_disable_scheduling_option: Deallocation | None = None

    @property
    def option(self) -> str:
        return self.node_reboot_option or self.node_reimage_option or self.node_disable_scheduling_option or "requeue"


def parse[Model: BaseModel](model: type[Model], body: Mapping[str, Any]) -> Model:
    """The checked body. Raises BadRequest naming the first offending property, its value and the reason."""
    try:
        return model.model_validate({name: value for name, value in body.items() if value is not None})
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> BatchError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "body"
    if first["type"] == "missing":
        return missing_property(name)
    return invalid_property(name, first["input"], first["msg"])
