"""The scratch process: a state of a history in an interpreter of its own, which can change nothing.

`python -m clew.scratch` is started by Clew's command and by the engine (`crates/clew-cli/src/sandbox_process`) and speaks over
a pipe. Before it reads a value or runs a line of the user's it locks itself in (`sandbox`, `probe`); then it loads
what a run left as its own `__main__` (`state`) and answers what it is asked (`answers`).
"""
