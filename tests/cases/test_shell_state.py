"""State that is no name: outputs, random states, directories, environment, options, filters."""

from __future__ import annotations

import ast
from collections.abc import Callable

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

CASES = [
    Case(
        "Random state of `random`",
        """
        import random
        random.seed(5)
        head = [random.random() for _ in range(3)]
        """,
        "tail = [random.random() for _ in range(3)]",
        ["hash(random.getstate()[1])", "head"],
        {"tail": "removed"},
        kept=["head", "random"],
        probe=(
            "(lambda r: (r.seed(5), [r.random() for _ in range(4)][3], 0))(random.Random())[1] == random.random()",
            "True",
        ),
    ),
    Case(
        "Random state of numpy",
        """
        import numpy as np
        np.random.seed(5)
        head = np.random.rand(3)
        """,
        "tail = np.random.rand(3)",
        ["np.random.get_state()[2]", "np.random.get_state()[1].sum().item()"],
        {"tail": "removed"},
        kept=["head"],
    ),
    Case(
        "`os.chdir`",
        """
        import os, tempfile
        place = os.path.realpath(tempfile.mkdtemp())
        home = os.getcwd()
        """,
        "os.chdir(place)",
        ["os.getcwd()"],
        kept=["os"],
    ),
    Case(
        "Environment variables set, changed and removed",
        """
        import os
        os.environ['CASE_A'] = '1'; os.environ['CASE_B'] = '2'
        """,
        "os.environ['CASE_A'] = 'changed'; del os.environ['CASE_B']; os.environ['CASE_C'] = '3'",
        ["{k: v for k, v in os.environ.items() if k.startswith('CASE_')}"],
        kept=["os"],
    ),
    Case(
        "`sys.path`",
        "import sys",
        "sys.path.insert(0, '/somewhere/else')",
        ["sys.path[:2]", "type(sys.path)"],
        kept=["sys"],
    ),
    Case(
        "pandas options",
        """
        import pandas as pd
        pd.set_option('display.max_rows', 11)
        """,
        "pd.set_option('display.max_rows', 99); pd.options.display.precision = 2",
        ["pd.get_option('display.max_rows')", "pd.get_option('display.precision')"],
        kept=["pd"],
    ),
    Case(
        "numpy's print options and error state",
        "import numpy as np",
        "np.set_printoptions(precision=2); np.seterr(divide='ignore')",
        ["np.get_printoptions()['precision']", "np.geterr()['divide']"],
        kept=["np"],
    ),
    Case(
        "matplotlib's rcParams",
        """
        import matplotlib
        matplotlib.use('agg')
        """,
        "matplotlib.rcParams['figure.dpi'] = 33",
        ["matplotlib.rcParams['figure.dpi']"],
        kept=["matplotlib"],
    ),
    Case(
        "matplotlib's backend",
        "import matplotlib",
        "matplotlib.use('svg')",
        ["matplotlib.get_backend().lower()", "matplotlib.is_interactive()"],
        kept=["matplotlib"],
    ),
    Case(
        "Warnings filters",
        "import warnings",
        "warnings.simplefilter('ignore', ResourceWarning)",
        ["len(warnings.filters)", "warnings.filters[0][:3:2]"],
        kept=["warnings"],
    ),
    Case(
        "The decimal context",
        "import decimal",
        "decimal.getcontext().prec = 5",
        ["decimal.getcontext().prec", "decimal.Decimal(1) / 3"],
        kept=["decimal"],
    ),
    Case(
        "The recursion limit and the locale",
        "import sys",
        "sys.setrecursionlimit(4321)",
        ["sys.getrecursionlimit()"],
        kept=["sys"],
    ),
    Case(
        "pyplot's figures",
        """
        import matplotlib
        matplotlib.use('agg')
        import matplotlib.pyplot as plt
        plt.close('all')
        _ = plt.figure(num=3)
        """,
        "_ = plt.plot([1, 2, 3]); _ = plt.figure(num=8)",
        ["plt.get_fignums()", "len(plt.figure(3).axes)"],
        kept=["plt"],
        fresh=False,
    ),
    Case(
        "matplotlib's backend beside figures",
        """
        import matplotlib
        matplotlib.use('agg')
        import matplotlib.pyplot as plt
        plt.close('all')
        _ = plt.figure(num=4)
        """,
        "matplotlib.use('svg')",
        ["matplotlib.get_backend().lower()", "matplotlib.is_interactive()", "plt.get_fignums()"],
        kept=["plt"],
        fresh=False,
    ),
]


def test_an_output_beside_the_variable_it_shows_stays_the_same_object(notebook: Notebook) -> None:
    notebook.run("""
        x = [1]
        alone = [9]
        """)
    shown = notebook.run("x").execution_count
    identities = notebook.identities(["alone"])
    notebook.run("x.append(2);")
    report = notebook.move("undo")
    assert notebook.read(f"Out[{shown}] is x", "x", f"_{shown} is x") == ["True", "[1]", "True"]
    assert report.word("x") == "restored"
    assert report.word(f"Out[{shown}]") == "restored"
    assert notebook.identities(["alone"]) == identities
    report = notebook.move("redo")
    assert notebook.read(f"Out[{shown}] is x", "x") == ["True", "[1, 2]"]


def test_an_output_is_removed_with_the_run_that_made_it(notebook: Notebook) -> None:
    notebook.run("x = [1]")
    shown = notebook.run("x + [2]").execution_count
    report = notebook.move("undo")
    assert notebook.read(f"{shown} in Out") == ["False"]
    assert report.word(f"Out[{shown}]") == "removed"
    notebook.move("redo")
    assert notebook.read(f"Out[{shown}]") == ["[1, 2]"]


def test_a_result_drawn_after_undo_is_drawn_again(notebook: Notebook) -> None:
    notebook.run("""
        import random, numpy as np
        random.seed(1); np.random.seed(1)
        """)
    notebook.run("draws = [random.random(), np.random.rand(), random.gauss(0, 1)]")
    draws = notebook.read("draws")
    notebook.move("undo")
    notebook.run("draws = [random.random(), np.random.rand(), random.gauss(0, 1)]")
    assert notebook.read("draws") == draws


SEEDED = [
    "import random, numpy as np\nrandom.seed(3); np.random.seed(3)",
    "a = [random.random()]",
    "b = np.random.rand(2)",
    "c = [a] * 2",
    "d = random.random()",
]
DRAWN = [
    "a",
    "b.tolist()",
    "d",
    "hash(random.getstate()[1])",
    "np.random.get_state()[1].sum().item()",
    "np.random.get_state()[2]",
]


def test_p07_recording_draws_no_random_number(kernels: Callable[..., Notebook]) -> None:
    plain = kernels("plain", load=False)
    plain.run(*SEEDED)
    recorded = kernels("recorded")
    recorded.run(*SEEDED)
    assert recorded.read(*DRAWN) == plain.read(*DRAWN)


def test_p07_recording_changes_no_filter_handler_import_or_option(kernels: Callable[..., Notebook]) -> None:
    facts = [
        "[f[:3:2] for f in __import__('warnings').filters]",
        "[(s, __import__('signal').getsignal(s).__class__.__name__) for s in (2, 15)]",
        "__import__('sys').getrecursionlimit()",
        "__import__('sys').getswitchinterval()",
        "__import__('gc').isenabled(), __import__('gc').get_threshold()",
        "__import__('logging').getLogger().handlers",
        "__import__('os').getcwd().rsplit('/', 1)[-1]",
        "__import__('sys').gettrace(), __import__('sys').getprofile()",
        "sorted(m for m in ('numpy', 'pandas', 'pyarrow', 'polars', 'matplotlib', 'sklearn') if m in __import__('sys').modules)",
    ]
    cells = ["x = [1]", "import json\nx.append(2)", "del x"]
    plain = kernels("plain", load=False)
    plain.run(*cells)
    recorded = kernels("recorded")
    recorded.run(*cells)
    assert recorded.read(*facts) == plain.read(*facts)


def test_outputs_come_back_in_the_order_in_which_the_cells_ran(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run("shown = [1]", "5", "6", "shown", "shown", "k = 8")
    before = notebook.read("[n for n in Out]")
    notebook.kill()
    again = kernels()
    again.move("resume")
    [after] = again.read("[n for n in Out]")
    assert [after] == before
    assert ast.literal_eval(after) == sorted(ast.literal_eval(after)) != []
