"""A proxy that died."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.istio import Source
from bugbundle.mesh import Proxy
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.parts import PROXY_CONTAINER, container_statuses
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.logs import proxy_log
from bugbundle.mesh.workloads.owners import workload
from bugbundle.mesh.workloads.pod_age import finished
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

RECENT = timedelta(hours=1)


@rule(
    "BB308",
    per=Proxy,
    level=Level.WARNING,
    reads={"pods"},
    optional={Source.LOG},
    explains={"BB203", "BB306", "BB208", "BB750", "BB801"},
    message="the proxy of {proxy} was {how}{when}, restarted {restarts}",
)
def envoy_crash(proxy: Proxy) -> Iterator[Evidence]:
    """The proxy's container ended abnormally within the last hour, or is in CrashLoopBackOff now.

    ## Why it matters
    Every connection through it broke; with too little memory it will happen again under the same load.

    ## What to do
    OOMKilled: raise the proxy's memory limit or shrink its configuration (Sidecar resources, exportTo). Otherwise
    read its previous log: the last lines before the end.
    """
    if proxy.pod is None or finished(proxy.pod):
        return
    for status in container_statuses(proxy.pod):
        if status.get("name") != PROXY_CONTAINER:
            continue
        last = as_dict(as_dict(status.get("lastState")).get("terminated"))
        reason = as_text(last.get("reason"))
        waiting = as_text(as_dict(as_dict(status.get("state")).get("waiting")).get("reason"))
        ended = parse_time(last.get("finishedAt"))
        now = proxy.mesh.now
        recent = waiting == "CrashLoopBackOff" or bool(now and ended and now - ended <= RECENT)
        if not recent or (reason in ("", "Completed") and not waiting):
            continue
        log = proxy_log(proxy.mesh, proxy.namespace, proxy.name)
        lines = log.recent("oom", "aborted", "exited", "files", within=RECENT) if log else []
        yield Evidence(
            origin=ref(proxy),
            values={
                "proxy": proxy.id,
                "how": "killed for memory (OOMKilled)" if reason == "OOMKilled" else f"ended by {reason or waiting}",
                "when": f" at {ended:%H:%M:%S}" if ended else "",
                "restarts": some(_number(status.get("restartCount")), "time"),
            },
            objects=(workload(proxy.mesh, proxy.pod),),
            proofs=(
                Proof(proxy.pod.pointer, f"lastState {reason} exit code {last.get('exitCode')}"),
                *(line.proof for line in lines[-1:]),
            ),
            affects=(proxy.id,),
            level=Level.ERROR if waiting == "CrashLoopBackOff" or reason == "OOMKilled" else Level.WARNING,
            confidence=Confidence.CERTAIN,
            at=ended,
        )


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
