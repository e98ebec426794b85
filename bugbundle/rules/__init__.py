"""Checks over a mesh."""
