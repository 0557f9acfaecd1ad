"""How many credentials are found, and how often data is taken for one: `python -m bench.credentials [FOLDER ...]`.

The credentials are made up when it runs (`generated.py`), so that none lies in the repository. Folders with notebooks, and the
docstrings of what is installed, show false alarms.
"""
