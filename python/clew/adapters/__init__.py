"""Adapters for engines of distributed computations. An adapter imports nothing of its engine before the user does."""
