"""What must never leave."""
