"""Measures how many credentials Clew detects, and how often it takes other data for a credential: `python -m bench.credentials [FOLDER
...]`.

The credentials are generated at run time (`generated.py`), so that the repository contains none. Folders with notebooks, and the docstrings
of installed packages, are searched for false positives.
"""
