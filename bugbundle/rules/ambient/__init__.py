"""Rules about ztunnel, waypoints and istio-cni."""
