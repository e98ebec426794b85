"""Port-forward, exec and attach, as kubectl, client-go, istioctl and the Python client speak them.

Knows websockets, SPDY/3.1, Kubernetes' channels, HTTP/1.1 and xDS over gRPC; what is said inside them comes
from `bugbundle.replay.pages`. Must not know the Kubernetes API: the caller has checked the token and the pod.
Holds the doors to h11 (`http1.py`) and to grpcio and the published protos (`xds.py`, loaded when asked for).
"""

from bugbundle.replay.pages import Page, Pages
from bugbundle.replay.stream.execute import exec_
from bugbundle.replay.stream.forward import portforward

__all__ = ["Page", "Pages", "exec_", "portforward"]
