"""ARC tasks."""
