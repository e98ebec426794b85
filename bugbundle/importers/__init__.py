"""Foreign archives."""
