"""`clew run`: a notebook as a batch job, on nbclient and papermill as libraries.

The native command hands over what was typed as one JSON document (`crates/clew-cli/src/commands/run.rs`). What decides
which cells are executed is asked through `clew.run.decider`; everything that papermill does is left to papermill, which is
imported only where something needs it.
"""
