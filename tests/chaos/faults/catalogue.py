"""Every fault there is."""

from tests.chaos.faults.fault import Fault
from tests.chaos.faults.messages import ResultsDelayed, ResultsDoubled, ResultsLost, TasksDoubled, TasksLost
from tests.chaos.faults.network import BatchConnections, BatchErrors, StorageConnections, StorageErrors
from tests.chaos.faults.parts import AzuriteKilled, BatchServiceKilled, HostKilled
from tests.chaos.faults.processes import GpuTaskKilled, GpuTaskPaused, GpuTaskStopped, NodePreempted, NodeRebooted
from tests.chaos.faults.tasks import DiskAlwaysFull, DiskFull, TaskHangs, TaskLies, TasksAlwaysLie
from tests.chaos.faults.uploads import BlobEventsDoubled, VideoOverwritten

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        GpuTaskKilled,
        GpuTaskPaused,
        GpuTaskStopped,
        NodePreempted,
        NodeRebooted,
        TaskHangs,
        TaskLies,
        DiskFull,
        TasksAlwaysLie,
        DiskAlwaysFull,
        VideoOverwritten,
        BlobEventsDoubled,
        ResultsDoubled,
        ResultsLost,
        ResultsDelayed,
        TasksDoubled,
        TasksLost,
        BatchErrors,
        BatchConnections,
        BatchServiceKilled,
        StorageErrors,
        StorageConnections,
        AzuriteKilled,
        HostKilled,
    )
}
