"""Static analysis of code: what it may read, set and depend on. The code does not run.

`effects(code, namespace)` is the entry. `code` is a cell, as text of Python or as compiled statements. `namespace` has the current value of each
variable. The result is an `Effects`:

- the variables that the cell may read before it binds them (`reads`), and those that it certainly binds (`binds`);
- the variables that functions of the cell read when they are called (`later`);
- what it may set in libraries (`patches`);
- what else it depends on: the time, environment variables, random numbers, files that it checks for (`dependencies`).

    >>> found = effects("total = sum(values)", {"values": [1, 2]})
    >>> sorted(found.reads), sorted(found.binds), found.dependencies.draws_unseeded
    (['sum', 'values'], ['total'], False)

**Guarantees.** The result is an over-approximation. What cannot be determined counts as read, as not bound, and as a dependency. A false positive
only causes an unnecessary re-execution. `Effects.are_reads_known` is false where code may look up any variable (`eval`, `globals()`, a frame).
The analysis goes by the values of names, and not by their spelling. It follows functions of the notebook and of the user's own modules. It calls
no method of the user's objects, and it imports nothing.

**Cost.** About a tenth of a millisecond for a line. Bytecode is read once for each code object, so a cell that runs again costs less.

**Errors.** Text that is not Python raises `SyntaxError`.

The modules, each with one subject:

| module | what it decides |
|---|---|
| `bytecode` | takes compiled code apart, for all Python versions; the only one that does |
| `scope` | what a dotted name in code means |
| `names`, `implicit_reads` | the variables that code reads and binds, by name and in texts |
| `ipython_calls` | magics and commands |
| `dependencies`, `nondeterminism`, `text_literals`, `source_readers`, `paths` | what code depends on beyond variables |
| `seeds`, `generator_factories` | which random generators it seeds |
| `patches`, `indirect_patches` | what it may set in libraries |
| `imports`, `own_modules`, `submodules`, `resolvers` | modules that it imports, or gets at by their names |
"""

from __future__ import annotations

from clew.analysis.cell_effects import Callees, Effects, effects

__all__ = ["Callees", "Effects", "effects"]
