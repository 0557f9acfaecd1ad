"""The cases that must come back right, each through a real kernel."""
