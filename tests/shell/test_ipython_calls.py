"""Which variables the calls of IPython in a cell may read: commands (`!command`), magics of a line (`%magic`) and of a cell (`%%magic`)."""

from __future__ import annotations

import pytest
from harness import Kernel
from IPython.core.inputtransformer2 import TransformerManager

from clew.analysis.bytecode import nested
from clew.analysis.dependencies import dependencies_of
from clew.analysis.implicit_reads import are_reads_known, in_texts
from clew.analysis.names import behind_magics, uses
from clew.shell.required_names import _compiled


def reads(source: str) -> set[str] | None:
    """Names that a cell may read, without the shell's own; `None` where these may be any."""
    statements = _compiled(source, TransformerManager())
    assert statements is not None
    plain, run = behind_magics(statements)
    codes = [inner for code in (*plain, *run) for inner in nested(code)]
    if not are_reads_known(codes, {}):
        return None
    return (uses(plain, run=run).reads | uses(plain, run=run).later) - {"get_ipython", "__name__"}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("!pip install empiricaldist", set()),
        ("if flag:\n    !pip install empiricaldist", {"flag"}),
        ("for _i in range(3):\n    !echo a", {"range"}),
        ("x = !ls -l", set()),
        ("!!ls", set()),
        ("!echo $name", {"name"}),
        ("!echo $name.part/$other", {"name", "other"}),
        ("!echo {name} {f(value)[1:3]}", {"name", "f", "value"}),
        ("x = !echo {name}", {"name"}),
        ("if flag:\n    !echo {name}", {"flag", "name"}),
        ("!awk '{print $1}' a.txt", set()),
        ("!echo $$name", set()),
        ("!echo $HOME", {"HOME"}),
        ("!echo '{'", set()),
        ("!echo {[one + n for one in rows]}", {"n", "rows"}),
        ("def f(a):\n    !echo $a $b", {"a", "b"}),
        ("f = lambda: get_ipython().system('echo $b')", {"b"}),
        ("class C:\n    !echo $b", {"b"}),
        ("a = 1\n!echo $a", set()),
        ("%%bash\necho $name {other}", set()),
        ("%%bash -s $name\necho $1", {"name"}),
        ("%%script {program}\necho", {"program"}),
        ("%%writefile $name\n{other}", {"name"}),
        ("%%html\n<p>{a}</p>", set()),
        ("%%sx\necho $name", {"name"}),
        ("%system ls", set()),
        ("%sx ls", set()),
        ("if flag:\n    %pip install a", {"flag"}),
        ("%conda install a", set()),
        ("%cd data", set()),
        ("%cd {folder}", {"folder"}),
        ("%cd -q data", set()),
        ("here = %pwd", set()),
        ("%env NAME", set()),
        ("%env NAME=$value", {"value"}),
        ("%matplotlib inline", set()),
        ("%matplotlib $backend", {"backend"}),
        ("%config InlineBackend.figure_format = 'svg'", set()),
        ("%config InlineBackend.figure_format = kind", {"kind"}),
        ("%load_ext autoreload", set()),
        ("%load_ext $name", {"name"}),
        ("%autoreload 2", set()),
        ("%quickref", set()),
        ("%%time\n!pip install a\nx + 1", {"x"}),
        ("%%capture\n!echo $name", {"name"}),
        ("%time x = f(y)", {"f", "y"}),
        ("%timeit -n 1 f(y)", {"f", "y"}),
    ],
)
def test_names_that_calls_of_ipython_read(source: str, names: set[str]) -> None:
    assert reads(source) == names


@pytest.mark.parametrize(
    "source",
    [
        "get_ipython().system(command)",
        "get_ipython().system('echo ' + name)",
        "get_ipython().system(f'echo {name}')",
        "get_ipython().system(cmd='ls')",
        "ip = get_ipython()",
        "ip.run_line_magic('who', '')",
        "!ls\nip.run_line_magic('who', '')",
        "if flag:\n    !ls\n    ip.run_line_magic('who', '')",
        "get_ipython().user_ns['a']",
        "get_ipython().ev('a')",
        "get_ipython().run_line_magic(name, 'a')",
        "!echo {eval('a' + 'b')}",
        "!echo {globals()}",
        "!echo {get_ipython().user_ns}",
        "%sx echo $name",
        "%pip install $name",
        "%pip install {name}",
        "%who",
        "%whos",
        "%run a.py",
        "%pylab",
        "%load a.py",
        "%store -r x",
        "%cd -",
        "%autoreload",
        "%autoreload now",
        "%config InlineBackend.figure_format = $kind",
        "%of_nobody a",
        "%%of_nobody\na",
        "%%bash --out found\necho",
        "%%sx --out found\necho",
        "%%sql\nselect * from frame",
        "if flag:\n    %time x = f(y)",
        "import get_ipython",
        "from IPython import get_ipython",
    ],
)
def test_calls_of_ipython_that_may_read_any_name(source: str) -> None:
    assert reads(source) is None


def test_expressions_in_commands_ask_too() -> None:
    def told(source: str) -> set[str]:
        statements = _compiled(source, TransformerManager())
        assert statements is not None
        found = dependencies_of(statements, {})
        return (
            found.unrepeatable
            | found.environment_variables
            | ({"directory"} if found.uses_directory else set())
        )

    assert told("!echo {__import__('time').time()}") == {"the time"}
    assert told("%cd {__import__('time').time()}") == {"the time", "directory"}
    assert told("%pwd") == {"directory"}
    assert told("%env $name") == {"environment variables"}
    assert told("!echo time") == set()


def test_texts_that_only_the_shell_gets_name_no_functions() -> None:
    def told(source: str) -> set[str]:
        statements = _compiled(source, TransformerManager())
        assert statements is not None
        namespace: dict[str, object] = {}
        exec("def beta(): pass", namespace)
        return in_texts([inner for code in statements for inner in nested(code)], namespace)

    assert told("!pip install beta") == set()
    assert told("%%bash\nbeta") == set()
    assert told("if x:\n    !beta\n    y.apply('beta')") == {"beta"}
    assert told("beta?") == {"beta"}
    assert told("%of_nobody beta") == {"beta"}


OWN_MAGICS = """
from IPython.core.magic import register_line_magic, register_cell_magic
from clew.analysis.ipython_calls import read_by_shell
import functools
@register_line_magic
def pwd(line): return table
@register_cell_magic
def bash(line, cell): return table
shell = get_ipython()
shell.register_magic_function(functools.wraps(shell.find_line_magic('pip'))(lambda line: table), 'line', 'pip')
%alias many echo $x
%alias plain echo
%alias_magic quickref who
def known(text): return read_by_shell(compile(shell.transform_cell(text), '<cell>', 'exec')) is not None
"""


def test_what_stands_in_place_of_a_magic_may_read_any_name(kernel: Kernel) -> None:
    plain = "from clew.analysis.ipython_calls import read_by_shell\nknown = lambda text: read_by_shell(compile(get_ipython().transform_cell(text), '<cell>', 'exec')) is not None"
    kernel.run(plain).raised()
    texts = (
        "!ls",
        "%pwd",
        "%%bash\na",
        "%pip a",
        "%ls",
        "%quickref",
        "%%HTML\na",
        "%%HTML $a\na",
        "%matplotlib inline",
        "%clew log",
    )
    found = "[known(text) for text in {!r}]"
    assert kernel.value(found.format(texts)) == [True] * 7 + [False, True, True]
    kernel.run(OWN_MAGICS).raised()
    texts = ("!ls", "%pwd", "%%bash\na", "%pip a", "%many", "%plain a", "%plain $a", "%quickref", "%ls")
    expected = [True, False, False, False, False, True, False, False, True]
    assert kernel.value(found.format(texts)) == expected
    kernel.run("shell.system = lambda text: table").raised()
    assert kernel.value(found.format(("!ls",))) == [False]
