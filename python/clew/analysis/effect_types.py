"""What code may ask for, as it is told of code."""

from __future__ import annotations

from dataclasses import dataclass, field

from clew.analysis import nondeterminism as objects
from clew.analysis.bytecode import Call
from clew.analysis.scope import Scope


@dataclass
class Asked:
    """What code may have asked for."""

    #: What is another each time, in words.
    words: set[str] = field(default_factory=set)
    #: Environment variables, by name.
    variables: set[str] = field(default_factory=set)
    #: Whether it asks where it runs.
    is_placed: bool = False
    #: Texts in code that asks whether files are there: they may name some.
    checked: set[str] = field(default_factory=set)
    #: What it asks of files beside what they hold, by letters (`clew.files`).
    looks: set[str] = field(default_factory=set)
    #: Whether it draws what nobody can draw again.
    is_drawn: bool = False
    #: How generators are begun, each with the code that does: it is drawn from those that are given no seed.
    begun: list[tuple[Scope, Call | None]] = field(default_factory=list)
    #: Whether it calls what looks up variables that no code names.
    looks_up: bool = False
    #: Process-wide generators whose state it asks for, by the names these go by.
    states: set[str] = field(default_factory=set)

    def reads_variable(self, name: object) -> None:
        """An environment variable is read; all of them where its name can't be told. One that is set (`...`) is not read."""
        if name is Ellipsis:
            return
        if isinstance(name, bytes):
            name = name.decode(errors="surrogateescape")
        if isinstance(name, str):
            self.variables.add(name)
        else:
            self.words.add(objects.ENVIRONMENT)
