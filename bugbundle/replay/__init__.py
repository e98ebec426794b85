"""Replay: a read-only Kubernetes API over a bundle, for unmodified kubectl, istioctl and k9s.

Knows `Bundle` and HTTP, and how the Kubernetes API server words its answers. Must not know rules, reports
or what Istio means; it only listens, and opens no connection of its own. The door to aiohttp. What is not
Kubernetes' own (port-forward, exec, the mesh's admin pages) is in `bugbundle.replay.stream`.
"""

from bugbundle.replay.server import Address, Replay, application, listening, running
from bugbundle.replay.session import kubeconfig, run_command, serve

__all__ = ["Address", "Replay", "application", "kubeconfig", "listening", "run_command", "running", "serve"]
