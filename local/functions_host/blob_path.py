"""Paths of blob triggers: `container/pattern`, where `{name}` captures a part of the blob's name."""

import re

from local.functions_host.errors import AppLoadError

_TOKEN = re.compile(r"\{\{|\}\}|\{(\w+)\}")


class BlobPath:
    """A trigger's path, matched as WebJobs does: every `{name}` takes as much as it can, slashes included."""

    def __init__(self, path: str) -> None:
        """Raises AppLoadError when `path` names no container, or a parameter twice."""
        self.container, _, self.pattern = path.partition("/")
        if not self.container or "{" in self.container:
            raise AppLoadError(f"blob trigger path {path!r}: the container must be a fixed name, as in videos/{{name}}")
        try:
            self._regex = re.compile(_regex(self.pattern or "{name}"), re.DOTALL)
        except re.error as error:
            raise AppLoadError(f"blob trigger path {path!r}: {error}") from error

    def match(self, name: str) -> dict[str, str] | None:
        """The parameters captured from blob `name`, or None if it does not match."""
        found = self._regex.fullmatch(name)
        return found.groupdict() if found else None


def _regex(pattern: str) -> str:
    parts: list[str] = []
    end = 0
    for token in _TOKEN.finditer(pattern):
        parts.append(re.escape(pattern[end : token.start()]))
        parts.append(f"(?P<{token[1]}>.*)" if token[1] else re.escape(token[0][0]))
        end = token.end()
    return "".join(parts) + re.escape(pattern[end:])
