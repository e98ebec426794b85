"""Rules about certificates and identities."""
