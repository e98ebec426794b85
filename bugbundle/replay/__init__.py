"""A read-only Kubernetes API over a bundle."""
