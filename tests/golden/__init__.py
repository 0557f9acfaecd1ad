"""Stores that a real kernel wrote in formats that were released: they open for ever (promise P13)."""
