"""istiod's account of a proxy against Envoy's own."""
