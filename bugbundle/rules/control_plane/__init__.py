"""Rules about istiod."""
