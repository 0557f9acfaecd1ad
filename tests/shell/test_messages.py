"""Every message of the Python side, read from the code: a new one without a line in messages.txt fails here.

`CLEW_UPDATE=1` writes the file; what changes in it is to be read aloud once. Those of the engine are snapshots of Rust.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import clew
from clew.codecs.handles import WORDS

PACKAGE = Path(clew.__file__).parent
SNAPSHOT = Path(__file__).with_name("messages.txt")

SAYING = {"warn", "tell", "print", "say", "fail", "NoValue"}
"""Functions that speak to people. Exceptions do, too: what a codec raises is the reason that a report gives."""
GUARDED = {
    "guarded": "could not {}: {{error}}. Your session is unchanged and recording continues.",
    "hear": "could not {}: {{error}}. Your session is unchanged and recording continues.",
    "warn_failed": "could not {}: {{error}}. Your session is unchanged and recording continues.",
    "guarded_at_end": "could not {}: {{error}}. Your session is unchanged, and saved runs are kept.",
}
"""What is said where work failed."""

NOT_OURS = ["please", "sorry", "oops", "invalid", "illegal", "fatal", "abort", "you must", "!"]
"""Words that blame, alarm or say nothing."""


class Texts(ast.NodeVisitor):
    """Collects the messages of one file, in order."""

    def __init__(self, path: Path) -> None:
        self._scopes: list[dict[str, list[ast.expr]]] = [{}]
        self.found: list[str] = []
        tree = ast.parse(path.read_text())
        self._scopes[0] = assigned(tree.body)
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._scopes.append(assigned(ast.walk(node)))
        self.generic_visit(node)
        self._scopes.pop()

    def visit_Call(self, node: ast.Call) -> None:
        name = called(node)
        handed_on = [named(one) for one in node.args]
        if name in GUARDED:
            self._take(GUARDED[name].format(self._text(node.args[0])))
        elif guards := [place for place, one in enumerate(handed_on) if one in GUARDED]:
            # Called later, with what stands behind it.
            self._take(GUARDED[handed_on[guards[0]]].format(self._text(node.args[guards[0] + 1])))
        elif name in SAYING or (name.endswith("Error") and name[0].isupper()):
            given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "hint")]
            said = [self._text(argument) for argument in given if self._says_something(argument)]
            self._take(" / ".join(said))
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        # Functions that make a message and do nothing else.
        if isinstance(node.value, ast.JoinedStr) and self._text(node.value).endswith("."):
            self._take(self._text(node.value))
        self.generic_visit(node)

    def _take(self, text: str) -> None:
        if text:
            self.found.append(text)

    def _says_something(self, node: ast.expr) -> bool:
        return any(part.strip() for part in self._text(node).split("{")[:1]) or " " in self._text(node)

    def _text(self, node: ast.expr) -> str:
        """A text with its variable parts in braces."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=values):
                return "".join(self._text(value) for value in values)
            case ast.FormattedValue(value=value):
                return self._text(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._text(left) + self._text(right)
            case ast.Name(id=name):
                known = [value for scope in self._scopes for value in scope.get(name, [])]
                before = [value for value in known if value.lineno < node.lineno]
                return self._text(before[-1]) if before else f"{{{name}}}"
        return f"{{{ast.unparse(node)}}}"


def called(node: ast.Call) -> str:
    """The name of what is called."""
    return named(node.func)


def named(node: ast.expr) -> str:
    """The last name of what is meant."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def assigned(nodes: Iterator[ast.AST] | list[ast.stmt]) -> dict[str, list[ast.expr]]:
    """Texts that names are given in one place."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Constant(value=str()) | ast.JoinedStr() | ast.BinOp() as text,
            ):
                found.setdefault(name, []).append(text)
    return found


def messages() -> dict[str, list[str]]:
    """What each file says."""
    paths = sorted(PACKAGE.rglob("*.py"))
    found = {str(path.relative_to(PACKAGE)): Texts(path).found for path in paths}
    found["what has no value"] = sorted(set(WORDS.values()))
    return {path: texts for path, texts in found.items() if texts}


def test_every_message_is_in_the_snapshot() -> None:
    written = "".join(
        f"{path}\n" + "".join(f"    {' '.join(text.split())}\n" for text in texts) + "\n"
        for path, texts in messages().items()
    )
    if os.environ.get("CLEW_UPDATE"):
        SNAPSHOT.write_text(written)
    assert written == SNAPSHOT.read_text(), "CLEW_UPDATE=1 writes it; read aloud what changed"


def test_no_message_blames_or_alarms() -> None:
    for path, texts in messages().items():
        for text in texts:
            assert not any(word in text.lower() for word in NOT_OURS), (path, text)
            assert ".." not in text.replace("...", "") and "  " not in text, (path, text)
