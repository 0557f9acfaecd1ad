"""Engines of distributed computations, a file each. None is imported before the user has it."""
