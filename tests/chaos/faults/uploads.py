"""What happens to the video in storage, and to the events about it."""

import json
from base64 import b64encode

import httpx

from tests.chaos.faults.fault import Fault, Scene
from tests.chaos.parts import ROOT

_HOST_ACCOUNT = "devstoreaccount1"
_EVENTS = "azure-webjobs-blobtrigger-"  # the internal queue of the blob trigger


class BlobEventsDoubled(Fault):
    """The upload is announced again and again, and the same request comes through the other door: it is one job."""

    name = "blob-events-doubled"
    by_upload = True
    _version: str | None = None

    def inject(self, scene: Scene) -> str:
        blob = scene.stack.blobs["data"].get_blob_client("videos", scene.job.video).get_blob_properties()
        event = {
            "Type": "BlobTrigger",
            "FunctionId": "Host.Functions.on_video_uploaded",
            "BlobType": "BlockBlob",
            "ContainerName": "videos",
            "BlobName": scene.job.video,
            "ETag": blob.etag,
        }
        self._version = blob.etag
        account = scene.stack.queues[_HOST_ACCOUNT]
        [queue] = [one.name for one in account.list_queues(name_starts_with=_EVENTS)]
        times = scene.rng.randint(2, 5)
        for _ in range(times):
            account.get_queue_client(queue).send_message(_encoded(event))
        httpx.post(f"{scene.stack.url}/api/jobs", json=scene.job.request, timeout=60)
        return f"the upload announced {times} more times, and requested over HTTP"

    def problems(self, scene: Scene) -> list[str]:
        if not self._is_first_version(scene):
            return []  # another fault has overwritten the video, and each version of it is a job of its own
        jobs = httpx.get(f"{scene.stack.url}/api/jobs?top=1000", timeout=60).json()["jobs"]
        ids = [job["job"] for job in jobs if (job["customStatus"] or {}).get("video") == scene.job.video]
        return [] if ids == [scene.job.id] else [f"one upload became the jobs {ids}"]

    def _is_first_version(self, scene: Scene) -> bool:
        """Whether the video is what was uploaded first: its metadata goes when it is overwritten."""
        blob = scene.stack.blobs["data"].get_blob_client("videos", scene.job.video).get_blob_properties()
        return blob.etag == self._version and bool(blob.metadata)


def _encoded(event: dict[str, str]) -> str:
    """As the app's host.json has messages."""
    text = json.dumps(event)
    encoding = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"].get("messageEncoding", "base64")
    return text if encoding == "none" else b64encode(text.encode()).decode()


class VideoOverwritten(Fault):
    """The same bytes, but another version: whoever still reads it must notice, and say so."""

    name = "video-overwritten"
    may_fail = r"changed|overwritten|uploaded again|etag|ConditionNotMet"

    def inject(self, scene: Scene) -> str:
        blob = scene.stack.blobs["data"].get_blob_client("videos", scene.job.video)
        blob.upload_blob(blob.download_blob().readall(), overwrite=True)
        return "the video was overwritten"
