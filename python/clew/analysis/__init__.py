"""Static analysis of a cell's code: what it may read, set and depend on. Nothing of it is run.

`effects` is the entry: what compiled code depends on beyond the variables that it reads (the time, the keyboard, environment variables,
random numbers, its working directory). Beside it stand the variables that code reads and binds (`names`, `name_uses`, `implicit_reads`), modules
(`imports`, `own_modules`, `submodules`, `resolvers`), files (`paths`), what it may set in libraries (`patches`, `indirect_patches`,
`argument_mutations`) and random generators (`seeds`, `generator_factories`). All of them read bytecode through `mentions` and `scope`. A false positive only causes
an unnecessary re-execution.
"""
