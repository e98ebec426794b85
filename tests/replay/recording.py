"""Small recordings for the replay tests, and a client that speaks to a running server."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bugbundle.bundle import Bundle
from bugbundle.replay import Replay

AT = "2026-01-02T03:04:05Z"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


RUNNING = {
    "name": "app",
    "image": "app:1",
    "imageID": "",
    "ready": True,
    "restartCount": 0,
    "state": {"running": {}},
}


def recording(
    entries: dict[str, Any], gaps: list[dict[str, Any]] | None = None, requests: dict[str, str] | None = None
) -> Bundle:
    """A bundle of JSON values (or text, as it is), recorded at `AT`."""
    bodies = {path: body if isinstance(body, str) else json.dumps(body) for path, body in entries.items()}
    rows = [
        {"path": path, "size": len(body), "request": (requests or {}).get(path, ""), "status": 200, "at": AT}
        for path, body in bodies.items()
    ]
    manifest = {"format": 1, "started": AT, "entries": rows, "gaps": gaps or []}
    head = {"format": 1, "tool": "bugbundle 0", "started": AT}
    files = {"bundle.json": json.dumps(head), **bodies, "manifest.json": json.dumps(manifest)}
    return Bundle.from_entries(files)


def items(kind: str, *objects: dict[str, Any], api_version: str = "v1") -> dict[str, Any]:
    """A list as the API server answers it: the items leave their kind to the list."""
    return {
        "kind": f"{kind}List",
        "apiVersion": api_version,
        "metadata": {"resourceVersion": "77"},
        "items": list(objects),
    }


def pod(name: str, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    """A running pod of one container."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": name},
            "creationTimestamp": "2026-01-02T03:00:00Z",
        },
        "spec": {"containers": [{"name": "app"}], "nodeName": "node-1", **more.pop("spec", {})},
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": "10.0.0.1"}],
            "containerStatuses": [RUNNING],
            **more.pop("status", {}),
        },
        **more,
    }


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The sentence of a Status."""
        return str(self.json["message"])


class Client:
    """Speaks plain HTTP to a running server, with its token."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.host, self.port = urlsplit(replay.url).hostname or "", urlsplit(replay.url).port or 0

    def ask(self, path: str, *, accept: str = "", method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """One request; `headers` replace the usual ones."""
        sent = {"Authorization": f"Bearer {self.replay.token}", "Accept": accept or "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            data = json.dumps(body).encode() if isinstance(body, dict | list) else body
            connection.request(method, path, body=data, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def rows(self, path: str) -> tuple[list[str], list[list[Any]]]:
        """(column names, cells) of a Table."""
        table = self.ask(path, accept=TABLE).json
        return [column["name"] for column in table["columnDefinitions"]], [row["cells"] for row in table["rows"]]

    def row(self, path: str) -> dict[str, Any]:
        """The only row of a Table, by column."""
        names, found = self.rows(path)
        assert len(found) == 1
        return dict(zip(names, found[0], strict=True))
