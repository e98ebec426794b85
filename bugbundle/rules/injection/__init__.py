"""Rules about sidecar injection and its webhooks."""
