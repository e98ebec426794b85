"""What the bundle says about a mesh."""
