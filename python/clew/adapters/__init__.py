"""Engines of distributed computations, a file or a few each; nothing of an engine is imported before the user does."""
