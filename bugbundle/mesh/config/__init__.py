"""What Istio's and Kubernetes' configuration means: hosts, mTLS, gateways, waypoints, injection, mesh settings.

Each module answers one question about recorded objects, as Istio itself would. Rules, views, sync and trace may all
use it.
"""
