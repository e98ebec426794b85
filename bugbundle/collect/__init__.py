"""Records a mesh: asks the Kubernetes API, each Envoy, istiod and ztunnel, and writes what they answer.

Knows `kubernetes` (behind `cluster.py`, its one door), `BundleWriter` and redaction. Must not know what the
answers mean, beyond which pods are asked and which proxies an istiod names. It reads only: the one POST that is
ever sent is `POST /logging` without parameters, with which Envoy and ztunnel list their log levels.
"""
