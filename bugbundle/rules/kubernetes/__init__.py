"""Rules about the Kubernetes objects around a mesh."""
