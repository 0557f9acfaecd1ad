"""The Python side of a session in IPython: it decides when to record, and passes on what the user typed.

The engine (`clew._engine`) walks, stores and restores all values. `session` joins the parts of this package, `hooks` receives IPython's events, `recorder`
decides when to record, `watch` determines which variables a run may have touched (with `clew.analysis`), and `magic` parses `%clew`.
"""
