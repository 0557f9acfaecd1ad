"""What is kept of a source that gives values to excluded variables."""

from __future__ import annotations

from typing import Any

import pytest

from clew.shell.redaction import MARK, without_values

M = repr(MARK)


class Login:
    def __init__(self, user: str, pin: int) -> None:
        self.user, self.pin = user, pin


Login.__module__ = "__main__"


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("p = 'Ada'", f"p = {M}"),
        ("p = 4711", f"p = {M}"),
        ("p = -0.25", f"p = -{M}"),
        ("p: str = b'Ada' or 'é', 7", f"p: str = {M} or {M}, {M}"),
        ("é = 1; p = 'Ada'; q = 'Ada'", f"é = 1; p = {M}; q = 'Ada'"),
        ("p = ['Ada', {'Bob': 3}]", f"p = [{M}, {{{M}: {M}}}]"),
        ("p, q = 'joe', 4711", f"p, q = {M}, {M}"),
        ("p['a'] = 'Ada'", f"p['a'] = {M}"),
        ("p.name = q = 'Ada'", f"p.name = q = {M}"),
        ("p += ['Ada']", f"p += [{M}]"),
        ("if (p := 'Ada') == 'Ada': pass", f"if (p := {M}) == 'Ada': pass"),
        ("for p in ('Ada', 'Bob'):\n    print('Ada')", f"for p in ({M}, {M}):\n    print('Ada')"),
        ("if True:\n    p = '''A\nda'''\n    q = 2", f"if True:\n    p = {M}\n    q = 2"),
        ("p = 'A' 'da'", f"p = {M}"),
        ("p = f'{x:>5} Ada'", f"p = {M}"),
        ("p = 'Ada' if x == None else None", f"p = {M} if x == None else None"),
        ("%time p = 'Ada'\np = 'Bob'\n!ls", f"%time {MARK}\np = {M}\n!ls"),
        ("%%time\np = 'Ada'", f"%%time\np = {M}"),
        ("%clew exclude p\nif 1:\n  q = %run p.py Ada", f"%clew exclude p\nif 1:\n  q = %run {MARK}"),
        ("x = !ls\nawait f('x')\np = 'Bob'", f"x = !ls\nawait f('x')\np = {M}"),
        ("def p(x='Ada'):\n    return 7", f"def p(x={M}):\n    return {M}"),
        (
            "class p:\n    '''D'''\n    def f(self): return f'{7}'",
            f"class p:\n    {M}\n    def f(self): return {M}",
        ),
        # What is given to a call, and looked up, is no value as it stands there.
        ("p = pd.read_csv('people.csv', sep=';')", "p = pd.read_csv('people.csv', sep=';')"),
        ("p['x'] = p['a'] * q['b'].fillna(0)", "p['x'] = p['a'] * q['b'].fillna(0)"),
        ("p = pd.DataFrame({'name': ['Ada']})", f"p = pd.DataFrame({{{M}: [{M}]}})"),
        ("q = 'Ada'\nr = 4711", "q = 'Ada'\nr = 4711"),
        ("print('p')", "print('p')"),
        ("p = 'Ada", MARK),
        ("%%bash\necho $p Ada", MARK),
    ],
)
def test_what_stands_in_a_source_as_it_is_in_an_excluded_variable_is_left_out(source: str, kept: str) -> None:
    assert without_values(source, {"p"}, {}) == kept


@pytest.mark.parametrize(
    ("value", "source", "kept"),
    [
        ({"k": "Ada"}, "p = dict(k='Ada')", f"p = dict(k={M})"),
        (["x", ("Ada", 4711)], "p.append(('Ada', 4711)); q = 'Ada'", f"p.append(({M}, {M})); q = 'Ada'"),
        ({"k": {b"Ada"}}, "p.update(k=set([b'Ada']), sep=';')", f"p.update(k=set([{M}]), sep=';')"),
        (Login("Ada", 4711), "p = Login('Ada', pin=4711)", f"p = Login({M}, pin={M})"),
        ("Ada", "p = ''.join(f'{x}' 'Ada')", f"p = ''.join({M})"),
        (["da"], "p = g(f'{1}da')", f"p = g({M})"),
        ([2, "x"], "p = f(2, 'x')", "p = f(2, 'x')"),
        ([0.5], "p = f(0.5, True)", f"p = f({M}, True)"),
        ([float("nan"), float("inf"), 1j, None], "p = f(1j)", f"p = f({M})"),
    ],
)
def test_what_an_excluded_variable_holds_is_left_out_of_the_statements_that_name_it(
    value: Any, source: str, kept: str
) -> None:
    assert without_values(source, {"p"}, {"p": value}) == kept


def test_what_holds_itself_and_what_is_large_ends() -> None:
    value: list[Any] = ["Ada"] * 5000
    value.append(value)
    assert without_values("p = f('Ada')", {"p"}, {"p": value}) == f"p = f({M})"
