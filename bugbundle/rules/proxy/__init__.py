"""Rules about what an Envoy has."""
