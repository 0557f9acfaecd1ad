"""Objects that are a part of what they are made from: those that come back, and those that nobody can build."""

from __future__ import annotations

IMPORTS = "import enum, functools, types, weakref, sys\n"

#: Cycles that do come back, with what must hold then.
COME_BACK: dict[str, tuple[str, list[str]]] = {
    "a flag and its inverse": (
        "class Fl(enum.Flag): R = 1; W = 2\nother = ~Fl.R",
        ["other is Fl.W", "~Fl.R is Fl.W", "~Fl.W is Fl.R", "Fl(3) is Fl.R | Fl.W"],
    ),
    "a flag of three and inverses of combinations": (
        "class Fl(enum.Flag): A = 1; B = 2; C = 4\nx = [~Fl.A, ~(Fl.A | Fl.B), ~Fl.B]",
        ["x[0] is Fl.B | Fl.C", "x[1] is Fl.C", "~x[0] is Fl.A", "~x[1] is Fl.A | Fl.B"],
    ),
    "an int flag and its inverse": (
        "class Fl(enum.IntFlag): R = 1; W = 2\nx = [~Fl.R, ~Fl.W, Fl.R | 8, ~(Fl.R | Fl.W)]",
        ["x[0] == ~Fl.R", "~x[0] == Fl.R", "isinstance(x[2], Fl) and x[2] == 9", "Fl(9) is x[2]"],
    ),
    **{
        f"a flag that keeps to {boundary}": (
            f"class Fl(enum.Flag, boundary=enum.{boundary}): R = 1; W = 4; RW = 5\nx = [~Fl.R, ~Fl.RW, ~Fl.W]",
            ["x[0] is ~Fl.R", "~Fl.W in (Fl.R, x[2])", "Fl.RW is Fl.R | Fl.W"],
        )
        for boundary in ["STRICT", "CONFORM", "EJECT"]
    },
    "members that refer to each other": (
        "class E(enum.Enum):\n    A = 1; B = 2\nE.A.next = E.B; E.B.next = E.A; E.A.own = E.A\nx = E.A",
        ["E.A.next is E.B", "E.B.next is E.A", "E.A.own is E.A", "x is E.A"],
    ),
    "members that hold sets of members": (
        "class E(enum.Enum):\n    A = 1; B = 2\nE.A.all = frozenset([E.A, E.B]); E.B.all = {E.A: [E.B], (E.B, 1): 2}\nx = [E.B]",
        [
            "E.A.all == {E.A, E.B}",
            "E.B.all[E.A] == [E.B]",
            "E.B.all[E.B, 1] == 2",
            "list(vars(E.A))[0] == '_value_'",
        ],
    ),
    "members that hold frozensets of tuples of members": (
        "class E(enum.Enum):\n    A = 1; B = 2\nE.A.all = E.B.all = frozenset([(E.A, E.B), (E.B, frozenset([E.A]))])",
        ["(E.A, E.B) in E.A.all", "E.A.all is E.B.all"],
    ),
    "members that hold what holds them": (
        "class Box:\n    def __init__(s, v): s.v = v\nclass E(enum.Enum):\n    A = 1; B = 2\n    def f(s): return s\n"
        "E.A.box = Box(E.B); E.B.box = Box(E.A); E.A.call = E.B.f; E.B.part = functools.partial(Box, E.A)",
        ["E.A.box.v is E.B", "E.B.box.v is E.A", "E.A.call() is E.B", "E.B.part().v is E.A"],
    ),
    "members whose values are instances that refer to members": (
        "class Box: pass\na, b = Box(), Box()\nclass E(enum.Enum):\n    A = a; B = b\na.other = E.B; b.other = E.A",
        ["E.A.value is a", "a.other is E.B", "b.other is E.A", "E(b) is E.B"],
    ),
    "members of two enums that refer to each other": (
        "class E(enum.Enum):\n    A = 1\nclass F(enum.Enum):\n    B = 2\nE.A.other = F.B; F.B.other = E.A; x = {E.A: F.B}",
        ["E.A.other is F.B", "F.B.other is E.A", "x[E.A] is F.B"],
    ),
    "members with a tuple's or a text's part": (
        "class P(tuple, enum.Enum):\n    A = (1, 2); B = (3, 4)\nclass S(enum.StrEnum):\n    A = 'a'; B = 'b'\n"
        "P.A.back = P.B; P.B.back = [P.A]; S.A.back = S.B; S.B.back = {S.A}",
        ["P.A.back is P.B", "P.B.back[0] is P.A", "S.A.back is S.B", "S.A in S.B.back", "P.B == (3, 4)"],
    ),
    "instances hashed by a field, in a set of their own": (
        "class N:\n    def __init__(s, k): s.k = k; s.peers = set()\n    def __hash__(s): return hash(s.k)\n"
        "    def __eq__(s, o): return s.k == o.k\na, b = N(1), N(2); a.peers |= {a, b}; b.peers |= {a}",
        ["a in a.peers", "b in a.peers", "a in b.peers", "len(a.peers) == 2"],
    ),
    "instances hashed by a field, in a frozenset of their own": (
        "class N:\n    def __init__(s, k): s.k = k\n    def __hash__(s): return hash(s.k)\n"
        "    def __eq__(s, o): return s.k == o.k\na, b = N(1), N(2); a.peers = frozenset([a, b]); b.peers = {(a, b): a}",
        ["a in a.peers", "b in a.peers", "b.peers[a, b] is a", "list(vars(a)) == ['k', 'peers']"],
    ),
}

#: Cycles, and what else nobody can build: with a part of the reason.
REFUSED: dict[str, tuple[str, str]] = {
    "a part of its reducer's arguments": (
        "class N:\n    def __init__(s, peers=()): s.peers = peers\n    def __reduce__(s): return N, (s.peers,)\n"
        "n = N(); n.peers = frozenset([n])",
        "a part of what it is made from",
    ),
    "a bound method among its reducer's arguments": (
        "class N:\n    def __init__(s, call=None): s.call = call\n    def f(s): pass\n"
        "    def __reduce__(s): return N, (s.call,)\nn = N(); n.call = n.f",
        "a part of what it is made from",
    ),
    "a weak reference to itself among its reducer's arguments": (
        "class N:\n    def __init__(s, ref=None): s.ref = ref\n    def __reduce__(s): return N, (s.ref,)\n"
        "n = N(); n.ref = weakref.ref(n)",
        "a part of what it is made from",
    ),
    "a slice that holds what holds it": (
        "class N:\n    def __init__(s, part=None): s.part = part\n    def __reduce__(s): return N, (s.part,)\n"
        "n = N(); n.part = slice(n)",
        "a part of what it is made from",
    ),
    "a tuple's part that holds it": (
        "class T(tuple): pass\nclass B: pass\nb = B()\nt = T([b])\nb.more = slice(t)\ndel b",
        "a part of what it is made from",
    ),
    "a function that is its own default": (
        "class C:\n    def f(s, x=None): pass\nC.f.__kwdefaults__ = {'x': frozenset([C.f])}",
        "a part of what it is made from",
    ),
}
