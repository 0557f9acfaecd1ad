"""Names that share objects or memory: what was one stays one, what was apart stays apart."""

from __future__ import annotations

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

CASES = [
    Case(
        "Memory of ctypes and arrays of numpy over it, either way round",
        """
        import ctypes, numpy as np
        values = (ctypes.c_int * 4)(1, 2, 3, 4)
        shown, read = np.ctypeslib.as_array(values), np.frombuffer(values, 'i2')
        array = np.arange(4.0)
        over = (ctypes.c_double * 2).from_buffer(array, 8)
        number = ctypes.c_double(1.5)
        of_number = np.frombuffer(number)
        """,
        "shown[1] = 8; array[1] = 9; of_number[0] = 2.5",
        [
            "list(values), shown, read, array, list(over), number.value",
            "np.shares_memory(shown, values), np.shares_memory(shown, read), np.shares_memory(array, over)",
            "type(values) is ctypes.c_int * 4, type(over) is ctypes.c_double * 2, type(number) is ctypes.c_double",
        ],
        dict.fromkeys(("values", "shown", "read", "array", "over", "number", "of_number"), "restored"),
        probe=("(values.__setitem__(0, 77), shown[0], read[0])[1:]", "(np.int32(77), np.int16(77))"),
        # In a new kernel they are lost, and said to be: ctypes makes the classes of arrays in compiled code, in the name of the notebook.
        fresh=False,
    ),
    Case(
        "Structures of ctypes, one in an array of them, and attributes",
        """
        import ctypes, numpy as np
        class Point(ctypes.Structure):
            _fields_ = [('x', ctypes.c_int), ('y', ctypes.c_int)]
        class Either(ctypes.Union):
            _fields_ = [('bits', ctypes.c_uint), ('number', ctypes.c_float)]
        points = (Point * 3)()
        second, alone, either = points[1], Point(1, 2), Either(1)
        alone.tag = [1]
        raw = (ctypes.c_ubyte * 4).from_buffer(either)
        """,
        "second.x = 4; alone.tag.append(2); either.number = 1.0",
        [
            "[(one.x, one.y) for one in points], second.x, alone.x, alone.y, alone.tag, list(raw)",
            "type(points) is Point * 3, type(second) is Point, type(points[0]) is Point",
        ],
        {
            "points": "restored",
            "second": "restored",
            "alone": "restored",
            "either": "restored",
            "raw": "restored",
        },
        kept=["Point", "Either"],
        probe=("(setattr(second, 'y', 5), points[1].y)[1]", "5"),
        fresh=False,
    ),
    Case(
        "Instances whose attributes are a dict that others hold",
        """
        class Plain:
            pass
        class Borg:
            shared = {}
            def __init__(self):
                self.__dict__ = self.shared
        plain, one, two = Plain(), Borg(), Borg()
        attributes = vars(plain)
        plain.x = [1]
        one.x = 1
        """,
        "attributes['y'] = plain.x; two.x = 2",
        [
            "hasattr(plain, 'y')",
            "attributes is vars(plain)",
            "one.x",
            "vars(one) is vars(two)",
            "vars(two) is Borg.shared",
        ],
        {"plain": "restored", "attributes": "restored", "one": "restored", "two": "restored"},
        kept=["Plain", "Borg"],
    ),
    Case(
        "In-place edit seen through a view in another variable",
        """
        import numpy as np
        a = np.arange(10.0)
        v = a[2:5]
        alone = np.ones(3)
        """,
        "v[0] = 99",
        ["a.tolist()", "v.tolist()", "np.shares_memory(a, v)", "v.base is a"],
        {"a": "restored", "v": "restored"},
        kept=["alone"],
        probe=("(v.fill(7), a.tolist())[1]", "[0.0, 1.0, 7.0, 7.0, 7.0, 5.0, 6.0, 7.0, 8.0, 9.0]"),
    ),
    Case(
        "`a is b` and `a[0] is b[0]`",
        """
        inner = [1]
        a = [inner, 2]
        b = a
        c = [inner]
        """,
        "inner.append(5)",
        ["a", "c", "a is b", "a[0] is c[0]", "inner is a[0]", "a is c"],
        {"a": "restored", "b": "restored", "c": "restored", "inner": "restored"},
        probe=("(c[0].append(6), a[0], inner)[1:]", "([1, 6], [1, 6])"),
    ),
    Case(
        "Cycles through lists, dicts and instances",
        """
        class Node:
            pass
        n = Node()
        n.me = n
        ring = [1]
        ring.append({'ring': ring, 'node': n})
        """,
        """
        ring[0] = 2
        n.label = 'seen'
        """,
        ["ring[0]", "ring[1]['ring'] is ring", "ring[1]['node'] is n", "n.me is n", "hasattr(n, 'label')"],
        {"n": "restored", "ring": "restored"},
        kept=["Node"],
    ),
    Case(
        "An alias broken by the change is one object again",
        """
        a = [1, 2]
        b = a
        """,
        "b = list(a)",
        ["a", "b", "a is b"],
        {"a": "restored|unchanged", "b": "restored"},
    ),
    Case(
        "Two equal lists made one by the change are two again",
        """
        a = [1, 2]
        b = [1, 2]
        """,
        "b = a",
        ["a is b", "a == b"],
        {"a": "restored|unchanged", "b": "restored"},
        probe=("(b.append(3), a)[1]", "[1, 2]"),
    ),
    Case(
        "A memoryview over a bytearray stays shared",
        """
        raw = bytearray(b'hello')
        view = memoryview(raw)[1:4]
        """,
        "raw[1] = ord('E')",
        ["raw", "bytes(view)", "view.obj is raw"],
        {"raw": "restored", "view": "restored"},
        probe=("(view.__setitem__(0, ord('x')), raw)[1]", "bytearray(b'hxllo')"),
    ),
    Case(
        "Views of objects stay views, through arrays of any class",
        """
        import numpy as np
        a = np.array([[1, [2]], [3, 'a']], dtype=object)
        column = np.asmatrix(a)[:, 1]
        matrix = np.matrix(a)
        row = matrix[0]
        masked = np.ma.array(a, copy=True)
        part = masked[:, 1]
        """,
        "a[0, 1] = 9; matrix[0, 0] = 8; masked[1, 1] = 7",
        [
            "column.tolist()",
            "type(column).__name__",
            "np.shares_memory(column, a)",
            "row.tolist()",
            "np.shares_memory(row, matrix)",
            "part.tolist()",
            "np.shares_memory(part, masked)",
        ],
        {name: "restored" for name in ("a", "column", "matrix", "row", "masked", "part")},
        probe=("(a.__setitem__((0, 1), 'x'), column.tolist())[1]", "[['x'], ['a']]"),
    ),
    Case(
        "An array over a bytearray stays shared",
        """
        import numpy as np
        raw = bytearray(8)
        over = np.frombuffer(raw, dtype='u1')
        """,
        "over[3] = 255",
        ["raw", "over.tolist()", "over.flags.writeable"],
        {"raw": "restored", "over": "restored"},
        probe=("(over.__setitem__(0, 9), raw[0])[1]", "9"),
    ),
    Case(
        "Views reversed, strided, transposed and reshaped share one memory",
        """
        import numpy as np
        a = np.arange(12)
        back = a[::-1]
        step = a[1::3]
        grid = a.reshape(3, 4)
        turned = grid.T
        """,
        "turned[0, 1] = -4",
        [
            "a.tolist()",
            "back.tolist()",
            "step.tolist()",
            "grid.tolist()",
            "turned.strides",
            "all(np.shares_memory(a, x) for x in [back, grid, turned])",
        ],
        dict.fromkeys(["a", "back", "step", "grid", "turned"], "restored"),
        probe=(
            "(back.__setitem__(0, 50), a[-1].item(), turned[3, 2].item(), grid[2, 3].item())[1:]",
            "(50, 50, 50)",
        ),
    ),
    Case(
        "A field of a structured array stays a view",
        """
        import numpy as np
        rows = np.zeros(3, dtype=[('x', 'f8'), ('n', 'i4')])
        xs = rows['x']
        """,
        "xs[1] = 2.5",
        ["rows.tolist()", "xs.tolist()", "rows.dtype.names", "np.shares_memory(rows, xs)"],
        {"rows": "restored", "xs": "restored"},
    ),
    Case(
        "An array of objects shares them with other names",
        """
        import numpy as np
        item = [1]
        box = np.array([item, None], dtype=object)
        """,
        "box[0].append(2)",
        ["item", "box[0] is item", "box.tolist()"],
        {"item": "restored", "box": "restored"},
    ),
    Case(
        "A sentinel compared by `is`",
        """
        MISSING = object()
        table = {'a': MISSING, 'b': 1}
        def absent(key):
            return table[key] is MISSING
        """,
        "table['b'] = MISSING",
        ["[absent(key) for key in table]", "table['a'] is MISSING"],
        {"table": "restored", "MISSING": "restored"},
        kept=["absent"],
    ),
    Case(
        "One NaN found by identity in a list",
        """
        nan = float('nan')
        values = [nan, 1.0]
        """,
        "values.append(nan)",
        ["values", "nan in values", "values.count(nan)", "values[0] is nan"],
        {"values": "restored", "nan": "restored"},
    ),
    Case(
        "Two instances that share an attribute",
        """
        class Shop:
            def __init__(self, stock):
                self.stock = stock
        stock = {'tea': 3}
        east = Shop(stock)
        west = Shop(stock)
        """,
        "east.stock['tea'] -= 1",
        ["east.stock", "west.stock is east.stock", "stock is west.stock", "isinstance(west, Shop)"],
        {"stock": "restored", "east": "restored", "west": "restored"},
        kept=["Shop"],
    ),
    Case(
        "An object reached as a key, in a set and in a tuple",
        """
        class Point:
            def __init__(self, x):
                self.x = x
        p = Point(1)
        by_point = {p: 'one'}
        points = {p}
        pair = (p, 2)
        """,
        "p.x = 5",
        ["p.x", "next(iter(by_point)) is p", "p in points", "pair[0] is p", "by_point[p]"],
        {"p": "restored", "by_point": "restored", "points": "restored", "pair": "restored"},
        kept=["Point"],
    ),
    Case(
        "Unrelated names are not drawn in",
        """
        a = [[1], [2]]
        b = a[0]
        c = [3]
        d = {'c': 'c'}
        """,
        "b.append(9)",
        ["a", "b is a[0]", "c", "d"],
        {"a": "restored", "b": "restored"},
        kept=["c", "d"],
    ),
]


def test_two_hundred_lists_sharing_an_interned_string_are_not_one_co_variable(notebook: Notebook) -> None:
    notebook.run(
        """
        for number in range(200):
            globals()[f'list_{number}'] = ['shared', (), None, int, number]
        """
    )
    identities = notebook.identities(["list_0", "list_18", "list_199"])
    notebook.run("list_17.append('more')")
    report = notebook.move("undo")
    assert report.word("list_17") == "restored"
    assert {report.word(f"list_{number}") for number in range(200) if number != 17} == {"unchanged"}
    assert notebook.identities(["list_0", "list_18", "list_199"]) == identities
    assert notebook.read("list_17") == ["['shared', (), None, <class 'int'>, 17]"]


def test_of_a_thousand_names_the_one_that_changed_is_loaded(notebook: Notebook) -> None:
    notebook.run("""
        for number in range(1000):
            globals()[f'name_{number}'] = [number]
        """)
    before = notebook.kernel.value("[id(globals()[f'name_{n}']) for n in range(0, 1000, 100) if n != 500]")
    notebook.run("name_500.append('changed')")
    report = notebook.move("undo")
    assert [root for root, word in report.words.items() if word == "restored"] == ["name_500"]
    assert (
        notebook.kernel.value("[id(globals()[f'name_{n}']) for n in range(0, 1000, 100) if n != 500]")
        == before
    )
    assert notebook.read("name_500", "name_499") == ["[500]", "[499]"]


def test_a_structure_that_holds_an_address_stays_a_live_object(notebook: Notebook) -> None:
    notebook.run(
        """
        import ctypes
        class Named(ctypes.Structure):
            _fields_ = [('name', ctypes.c_char_p), ('next', ctypes.c_void_p)]
        one, nothing = Named(b'first'), (ctypes.c_int * 0)()
        resized = (ctypes.c_int * 1)(5)
        ctypes.resize(resized, 64)
        """,
        "one.name = b'second'; resized[0] = 6",
    )
    report = notebook.move("undo")
    assert report.word("one") == report.word("resized") == "unchanged"
    assert report.unverified >= {"one", "resized"}
    assert notebook.read("one.name, list(nothing)") == ["(b'second', [])"]
