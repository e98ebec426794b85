"""Rules about versions and revisions."""
