"""Azurite on free ports, a small video, and specs that point at both: what a real task needs, in miniature."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas
from azure.storage.queue import QueueSasPermissions, QueueServiceClient, TextBase64DecodePolicy, generate_queue_sas

from contracts.messages import GpuResult
from contracts.task_spec import Destinations, ScorerOptions, ScoreSpec, SourceRef, TaskIdentity
from contracts.video_index import VideoIndex
from gpu_task import features_files
from gpu_task.features import PRETRAINED, PretrainedNetwork
from media.index import probe
from tests.azurite import ACCOUNT, KEY, Azurite

ROOT = Path(__file__).resolve().parents[2]
FRAMES, WIDTH, HEIGHT = 20, 96, 64


class Storage:
    """One Azurite account: blobs in container `work`, results in queue `results`."""

    def __init__(self, azurite: Azurite) -> None:
        self.blobs = BlobServiceClient(azurite.blob_url, credential=KEY)
        self.queue = QueueServiceClient(azurite.queue_url, credential=KEY).get_queue_client(
            "results", message_decode_policy=TextBase64DecodePolicy()
        )

    def upload(self, name: str, data: bytes) -> SourceRef:
        written = self.blobs.get_blob_client("work", name).upload_blob(data, overwrite=True)
        return SourceRef(url=self.url(name, "r"), etag=written["etag"], size=len(data))

    def read(self, name: str) -> bytes:
        return self.blobs.get_blob_client("work", name).download_blob().readall()

    def exists(self, name: str) -> bool:
        return self.blobs.get_blob_client("work", name).exists()

    def metadata(self, name: str) -> dict[str, str]:
        return self.blobs.get_blob_client("work", name).get_blob_properties().metadata

    def url(self, name: str, permission: str) -> str:
        """The blob with a SAS of the given letters."""
        token = generate_blob_sas(
            ACCOUNT,
            "work",
            name,
            account_key=KEY,
            expiry=_soon(),
            permission=BlobSasPermissions.from_string(permission),
        )
        return f"{self.blobs.url}work/{name}?{token}"

    def queue_url(self) -> str:
        token = generate_queue_sas(ACCOUNT, "results", KEY, permission=QueueSasPermissions(add=True), expiry=_soon())
        return f"{self.queue.url}?{token}"

    def destinations(self, prefix: str, output: str) -> Destinations:
        return Destinations(
            output=self.url(f"{prefix}/{output}", "rc"),
            log=self.url(f"{prefix}/task.log", "cw"),
            timings=self.url(f"{prefix}/timings.json", "cw"),
            progress=self.url(f"{prefix}/progress", "cw"),
            results_queue=self.queue_url(),
        )

    def results(self) -> list[GpuResult]:
        """Takes every message from the results queue."""
        found = []
        for message in self.queue.receive_messages():
            found.append(GpuResult.model_validate_json(message.content))
            self.queue.delete_message(message)
        return found


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Frames of 96x64 are no work for several threads, which would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def storage(azurite: Azurite) -> Storage:
    found = Storage(azurite)
    found.blobs.create_container("work")
    found.queue.create_queue()
    return found


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames of 96x64 at 25 a second: a bright square moving over a gradient; a keyframe every 8."""
    path = tmp_path_factory.mktemp("video") / "source.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "12", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", 8
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def picture(number: int) -> np.ndarray:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    rgb = np.stack([columns * 2, rows * 3, 200 - columns], axis=-1).astype(np.uint8)
    rgb[20:40, 4 * number : 4 * number + 20] = (250, 220, 60)
    return rgb


@pytest.fixture(scope="session")
def index(video: Path) -> VideoIndex:
    return probe(video)


class SpecMaker:
    """Score specs for one source video; each gets its own folder of destinations."""

    def __init__(self, storage: Storage, source: SourceRef, index: VideoIndex) -> None:
        self.storage, self.source, self.index = storage, source, index

    def score(self, prefix: str, first: int = 4, last: int = 15, **changes: object) -> ScoreSpec:
        warm_up = int(str(changes.get("warm_up", 0)))
        values: dict[str, object] = {
            "identity": identity(),
            "source": self.source,
            "index": self.index.window(first - warm_up, last),
            "first": first,
            "last": last,
            "scorer": "identity",
            "model": None,
            "options": ScorerOptions(),
            "to": self.storage.destinations(prefix, "segment.mp4"),
        }
        return ScoreSpec.model_validate({**values, **changes})


def identity() -> TaskIdentity:
    return TaskIdentity(job="job-1", task="c00000-a1", chunk=0, attempt=1, instance_id="job-1:r1:c00000")


@pytest.fixture
def specs(storage: Storage, video: Path, index: VideoIndex) -> SpecMaker:
    return SpecMaker(storage, storage.upload("source.mp4", video.read_bytes()), index)


# Names that torchvision's files have on the internet, with the start of their hashes.
TORCHVISION_FILES = {"squeezenet": "squeezenet1_0-b66bff10.pth", "vgg19": "vgg19-dcbb9e9d.pth"}


def random_state(network: PretrainedNetwork) -> dict[str, torch.Tensor]:
    """Weights of the whole network's features and of a classifier that nobody reads; of some hundreds of MB none."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        layers = network.build().features.state_dict()
    state = {
        f"features.{key}": torch.randn(value.shape, generator=generator) * (2 / max(1, value[0].numel())) ** 0.5
        for key, value in layers.items()
    }
    return {**state, "classifier.1.weight": torch.zeros(10, 4)}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TORCH_HOME with both files, as torchvision's download leaves them."""
    home = tmp_path_factory.mktemp("torch")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    for name, file in TORCHVISION_FILES.items():
        torch.save(random_state(PRETRAINED[name]), home / "hub" / "checkpoints" / file)
    return home


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without weights and without internet; its empty TORCH_HOME."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(features_files, "SHIPPED", tmp_path / "none")
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens on the discard port
    for name in ("no_proxy", "NO_PROXY", features_files.FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def cached(no_weights: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(cache))
    return cache
