"""Journeys: whole stories, step by step, through real kernels, the real command and real stores.

Each file is one person's day. What is asserted is what that person sees: texts, exit codes, values.
"""
