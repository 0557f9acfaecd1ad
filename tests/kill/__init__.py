"""Kernels killed at random: what was said to be saved is there."""
