"""istioctl's answers."""
