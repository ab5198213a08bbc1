"""The app's HTTP doors as its contract describes them, over jobs whose progress a test writes down beforehand.

The real app behind the same doors is tested end to end; this one lets the client meet every answer there is.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from azure.storage.blob.aio import BlobServiceClient
from pydantic import ValidationError

from contracts.job import JobRequest, field_errors
from contracts.quote import QuoteRequest

# What is known of a network fitted to `my-cat`.
MODEL: dict[str, Any] = {
    "version": 1,
    "key": "ab" * 32,
    "sha256": "cd" * 32,
    "style": "my-cat",
    "style_blob": "my-cat.jpg",
    "style_sha256": "ef" * 32,
    "style_scale": 2.0,
    "size_class": 480,
    "recipe": "patches-v2",
    "features": "patches",
    "fitted": {"step": 1200, "steps": 1500, "style": 0.31, "content": 0.7, "consistency": 0.0021},
    "seconds": 272.0,
    "device": "cpu",
    "job": "my-cat-0001",
    "fitted_at": "2026-01-02T03:04:05Z",
}
STYLES: list[dict[str, Any]] = [
    {"name": "mosaic", "title": "Mosaic", "kind": "builtin"},
    {"name": "my-cat", "title": "my-cat", "kind": "uploaded", "blob": "my-cat.jpg", "models": [MODEL]},
]


def status(phase: str, **values: Any) -> dict[str, Any]:
    return {"phase": phase, "video": "mosaic/clip.mp4", "style": "mosaic", "frames": 180, "chunks": 3} | values


RUNNING = {"runtimeStatus": "Running", "customStatus": status("scoring", frames_done=60, chunks_done=1), "output": None}
FAILED = {
    "runtimeStatus": "Failed",
    "customStatus": status("failed", reason="chunk 2 failed three times: the node ran out of memory"),
    "output": "Orchestrator function 'score_video' failed",
}
TERMINATED = {"runtimeStatus": "Terminated", "customStatus": status("scoring"), "output": None}


@dataclass
class FakeFunctionApp:
    """`script` is what successive looks at a job see; its last entry stays. An int is an HTTP error to answer."""

    storage: BlobServiceClient
    script: list[dict[str, Any] | int] = field(default_factory=lambda: [dict(RUNNING)])
    key: str | None = None
    refusal: tuple[int, dict[str, Any]] | None = None  # the status and the problem that a request meets
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    quote: dict[str, Any] = field(default_factory=dict[str, Any])  # what it answers to every `quoted` request
    quoted: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)
    replayed: list[str] = field(default_factory=list)
    polls: int = 0
    polled_twice: asyncio.Event = field(default_factory=asyncio.Event)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._check_key])
        app.router.add_post("/api/jobs", self._start)
        app.router.add_post("/api/quote", self._quote)
        app.router.add_get("/api/jobs", self._list)
        app.router.add_get("/api/jobs/{job}", self._get)
        app.router.add_delete("/api/jobs/{job}", self._delete)
        app.router.add_post("/api/jobs/{job}/retry", self._retry)
        app.router.add_post("/api/jobs/{job}/purge", self._purge)
        app.router.add_get("/api/styles", self._styles)
        app.router.add_get("/api/deadletter", self._letters)
        app.router.add_get("/api/deadletter/{queue}/{entry}", self._letter)
        app.router.add_post("/api/deadletter/{queue}/{entry}/replay", self._replay)
        app.router.add_delete("/api/deadletter/{queue}/{entry}", self._drop)
        app.router.add_get("/runtime/webhooks/durabletask/instances/{job}", self._instance)
        return app

    @web.middleware
    async def _check_key(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/api/") and self.key and request.headers.get("x-functions-key") != self.key:
            return web.Response(status=401)
        return await handler(request)

    async def job_of(self, request: JobRequest) -> str:
        """The id that the real app gives: it hangs on the video's etag and, for an uploaded style, on that one's."""
        video = await self._etag("videos", request.video) if request.video else None
        uploaded = request.style and request.style not in [entry["name"] for entry in STYLES]
        return request.job_id(video, await self._etag("styles", f"{request.style}.jpg") if uploaded else None)

    async def _etag(self, container: str, name: str) -> str:
        async with self.storage.get_blob_client(container, name) as blob:
            return (await blob.get_blob_properties()).etag

    async def _start(self, http: web.Request) -> web.Response:
        body = await http.json()
        self.requests.append(body)
        try:
            request = JobRequest.model_validate(body)
        except ValidationError as error:
            return web.json_response({"errors": field_errors(error)}, status=400)
        if self.refusal:
            return web.json_response({"errors": [self.refusal[1]]}, status=self.refusal[0])
        job = await self.job_of(request)
        if job not in self.jobs:
            self.jobs.append(job)
        return self._accepted(job)

    async def _quote(self, http: web.Request) -> web.Response:
        body = await http.json()
        self.quoted.append(body)
        try:
            QuoteRequest.model_validate(body)
        except ValidationError as error:
            return web.json_response({"errors": field_errors(error)}, status=400)
        return web.json_response(self.quote)

    def _accepted(self, job: str) -> web.Response:
        url = f"{self.url}/runtime/webhooks/durabletask/instances/{job}?code=webhook-secret"
        return web.json_response({"id": job, "statusQueryGetUri": url}, status=202, headers={"Location": url})

    async def _retry(self, http: web.Request) -> web.Response:
        job = http.match_info["job"]
        if job not in self.jobs:
            return web.json_response({"errors": [{"field": "job", "value": job, "problem": "no such job"}]}, status=404)
        seen = self._look(job)
        if isinstance(seen, dict) and seen["runtimeStatus"] not in ("Failed", "Terminated"):
            problem = f"the job is under way ({seen['runtimeStatus']}); cancel it first, or wait for its end"
            return web.json_response({"errors": [{"field": "job", "value": job, "problem": problem}]}, status=409)
        self.retried.append(job)
        return self._accepted(job)

    def _look(self, job: str) -> dict[str, Any] | int:
        entry = self.script[min(self.polls, len(self.script) - 1)]
        self.polls += 1
        if self.polls == 2:
            self.polled_twice.set()
        if isinstance(entry, int):
            return entry
        times = {"createdTime": "2026-01-02T03:04:05Z", "lastUpdatedTime": "2026-01-02T03:04:06Z"}
        return {"job": job} | times | entry

    async def _get(self, http: web.Request) -> web.Response:
        job = http.match_info["job"]
        if job not in self.jobs:
            return web.json_response({"error": f"no job {job}"}, status=404)
        return self._answer(self._look(job))

    async def _instance(self, http: web.Request) -> web.Response:
        """Durable Functions' own status door: 202 while it runs, and `instanceId` for `job`."""
        assert http.query["code"] == "webhook-secret"
        seen = self._look(http.match_info["job"])
        if isinstance(seen, dict):
            seen["instanceId"] = seen.pop("job")
        return self._answer(seen, running=202)

    def _answer(self, seen: dict[str, Any] | int, running: int = 200) -> web.Response:
        if isinstance(seen, int):
            return web.Response(status=seen)
        return web.json_response(seen, status=running if seen["runtimeStatus"] in ("Pending", "Running") else 200)

    async def _list(self, http: web.Request) -> web.Response:
        top = int(http.query["top"])
        return web.json_response({"jobs": [self._look(job) for job in reversed(self.jobs)][:top]})

    async def _delete(self, http: web.Request) -> web.Response:
        job = http.match_info["job"]
        if job not in self.jobs:
            return web.json_response({"error": f"no job {job}"}, status=404)
        seen = self._look(job)
        if isinstance(seen, dict) and seen["runtimeStatus"] != "Running":
            return web.json_response({"error": f"job {job} has ended"}, status=409)
        self.cancelled.append(job)
        return web.json_response({"job": job}, status=202)

    async def _purge(self, http: web.Request) -> web.Response:
        job = http.match_info["job"]
        if job not in self.jobs:
            return web.json_response({"errors": [{"field": "job", "value": job, "problem": "no such job"}]}, status=404)
        self.jobs.remove(job)
        video = "mosaic/clip.mp4" if http.query.get("video") == "true" else None
        return web.json_response({"job": job, "outputs": 3, "logs": 2, "orchestrations": 5, "video": video})

    async def _letters(self, http: web.Request) -> web.Response:
        entries = [letter | {"body": None} for letter in self.letters[: int(http.query["top"])]]
        return web.json_response({"entries": entries})

    def _named(self, http: web.Request) -> dict[str, Any] | None:
        wanted = (http.match_info["queue"], http.match_info["entry"])
        return next((letter for letter in self.letters if (letter["queue"], letter["entry"]) == wanted), None)

    async def _letter(self, http: web.Request) -> web.Response:
        letter = self._named(http)
        return web.json_response(letter) if letter else web.Response(status=404)

    async def _replay(self, http: web.Request) -> web.Response:
        letter = self._named(http)
        if letter is None:
            return web.Response(status=404)
        if letter["run"] is None:
            problem = "its run is over: nobody waits for it; retry the job"
            return web.json_response({"errors": [{"field": "entry", "value": "x", "problem": problem}]}, status=409)
        self.replayed.append(letter["entry"])
        return web.json_response({"queue": letter["queue"], "entry": letter["entry"], "replayed": True}, status=202)

    async def _drop(self, http: web.Request) -> web.Response:
        letter = self._named(http)
        if letter is None:
            return web.Response(status=404)
        self.letters.remove(letter)
        return web.json_response({"queue": letter["queue"], "entry": letter["entry"], "dropped": True})

    async def _styles(self, http: web.Request) -> web.Response:
        return web.json_response({"styles": STYLES})
