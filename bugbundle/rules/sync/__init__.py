"""Rules about the distribution of configuration."""
