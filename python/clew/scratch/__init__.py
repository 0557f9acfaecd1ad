"""The sandbox process: loads a state of a history in a separate interpreter that cannot change anything.

Clew's command and the engine (`crates/clew-cli/src/sandbox_process`) start `python -m clew.scratch`, and communicate with it over a pipe.
Before it reads a value or runs any of the user's code, it enters the sandbox (`probe` tests it). Then it loads a run's state as its own
`__main__` (`state_loader`) and answers requests (`answers`).
"""
