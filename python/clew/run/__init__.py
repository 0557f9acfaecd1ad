"""`clew run`: runs a notebook as a batch job, with nbclient and papermill as libraries.

The native command passes the options as one JSON document (`crates/clew-cli/src/commands/run.rs`). `clew.run.decider` is the interface to
the code that decides which cells are executed. Everything that papermill does is left to papermill, which is imported only if needed.
"""
