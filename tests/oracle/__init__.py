"""Oracles: the same cells run again elsewhere say what the state must be."""
