"""Records a mesh."""
