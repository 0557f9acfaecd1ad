"""A fault in every step of recording, under a real kernel: the cell is as without Clew, one warning, the next run is recorded.

What the steps are is read from the code (`steps.py`), and which of them a scenario comes to is watched (`planting.py`), so a new
one has its fault, or fails `test_p07_every_step_has_its_fault`. Each fault is tried in one cell in the short form, and in every
cell as every kind under `-m long`.
"""

from __future__ import annotations

import functools
import itertools
import operator
import os
from collections.abc import Callable, Sequence

import cells
import steps
from cells import CELLS, SOON, seen
from harness import Kernel, Reply
from planted import Planted, Scenario, difference
from planting import KINDS

COSTS_A_WORD = ("summary:", "codecs")
"""What describes a value, or makes one into parts: a fault costs that value its words, or its place in the store, which `show` and
the report of a move say. Nothing is said at once."""

COMM = """
from comm import get_comm_manager
class Page:
    comm_id = 'page'
    def handle_msg(self, message):
        pressed.append(message['content']['data'])
pressed = []
get_comm_manager().comms['page'] = Page()
"""

FORK = """
import os, warnings
with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # Python's own about threads
    child = os.fork()
if child == 0:
    get_ipython().run_cell('made = ' + str(1))
    os._exit(7)
os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

HUNG = "len([1 for heard in get_ipython().events.callbacks['pre_run_cell'] if 'clew' in repr(heard)])"
"""How many recorders hear of cells."""

reached: set[str] = set()
"""Steps that some scenario came to."""


def cell(code: str) -> Scenario:
    """A cell as a scenario."""
    return lambda kernel, cell_id: cells.run(kernel, code, cell_id=cell_id, stop_on_error=False)


def message(kernel: Kernel, cell_id: str) -> Reply:
    """The page sends something to the kernel."""
    content = {"comm_id": "page", "data": {"n": 1}}
    sent = kernel.message("comm_msg", content, metadata={"cellId": cell_id})
    return kernel.collect([sent], SOON)[0]


def completion(kernel: Kernel, cell_id: str) -> Reply:
    """Somebody presses Tab."""
    content = {"code": "%clew und", "cursor_pos": 9}
    sent = kernel.message("complete_request", content, metadata={"cellId": cell_id})
    return kernel.collect([sent], SOON)[0]


MISSING = [
    "shell.recorder:Recorder.begins",
    "shell.watch:Watch.note",
    "shell.recorder:Recorder.run_began",
    "shell.watch:Watch.begin",
    "shell.recorder:Recorder.run_ended",
    "shell.watch:Watch.end",
    "shell.run:Running.described",
    "engine:capture",
]
"""Steps without which nobody knows what a run touched."""

IS_LONG = bool(os.environ.get("CLEW_LONG"))


def in_turn(of: Sequence[str], number: int) -> list[str]:
    """All of them, beginning with another one each time."""
    first = number % len(of)
    return [*of[first:], *of[:first]]


def try_all(
    planted: Planted,
    scenarios: dict[str, Scenario],
    check: Callable[[str, Reply], list[str]],
    *,
    only: Callable[[str], bool] = lambda step: True,
    kinds: Sequence[str] = tuple(KINDS),
    last: str = "",
) -> None:
    """Puts a fault into every step of scenarios, and has `check` say what is wrong with what there was to see.

    The short form tries each step in one scenario as one kind of fault, in turn; the long one tries all.
    """
    come_to = {name: planted.watch(scenario, last) for name, scenario in scenarios.items()}
    every = [step for step in dict.fromkeys(itertools.chain(*come_to.values())) if only(step)]
    wrong, untried = list[str](), list[str]()
    for number, step in enumerate(step for step in every if step not in steps.NETS):
        names = in_turn([name for name in scenarios if step in come_to[name]], number)
        is_tried = False
        for kind, name in itertools.product(in_turn(kinds, number), names):
            reply, found = planted.fail(scenarios[name], step, kind, is_last=step == last)
            if reply is not None:
                is_tried = True
                reached.add(step)
                found += check(name, reply)
            wrong += [f"{step}!{kind}, {name}: {one}" for one in found]
            if wrong or (is_tried and not IS_LONG):
                break
        if not is_tried:
            untried.append(step)
    print(f"{planted.faults} faults so far, {len(every)} steps; come to once and not again: {untried}")
    assert not wrong, "\n".join(wrong)


def as_without(
    plain: Kernel, scenarios: dict[str, Scenario], *lines: int
) -> Callable[[str, Reply], list[str]]:
    """Whether a scenario showed what it shows without Clew, and Clew said so many lines."""
    expected = {name: seen(scenario(plain, "plain")) for name, scenario in scenarios.items()}
    return lambda name, reply: difference(seen(reply), expected[name], lines)


def test_p07_a_fault_in_any_step_around_a_cell_changes_nothing_of_it(planted: Planted, plain: Kernel) -> None:
    scenarios = {name: cell(code) for name, code in CELLS.items()}
    check = as_without(plain, scenarios, 1)
    try_all(planted, scenarios, check, only=lambda step: not step.startswith(COSTS_A_WORD))


def test_p07_a_value_that_can_not_be_described_costs_nothing_else(planted: Planted, plain: Kernel) -> None:
    scenarios = {name: cell(code) for name, code in CELLS.items()}
    check = as_without(plain, scenarios, 0, 1)
    try_all(planted, scenarios, check, only=lambda step: step.startswith(COSTS_A_WORD))


def test_p07_a_fault_around_a_message_or_a_silent_cell_changes_nothing_of_it(
    planted: Planted, plain: Kernel
) -> None:
    for kernel in (planted.kernel, plain):
        kernel.run(COMM, silent=True).raised()
    silent = "numbers.append(1)"
    scenarios = {
        "a message of the page's": message,
        "a silent cell": lambda kernel, cell_id: cells.run(kernel, silent, cell_id=cell_id, silent=True),
    }
    for kernel in (planted.kernel, plain):
        kernel.run("numbers = []", silent=True).raised()
    check = as_without(plain, scenarios, 1)
    try_all(planted, scenarios, check, only=lambda step: not step.startswith(COSTS_A_WORD))


def test_p07_a_fault_while_the_session_rests_is_one_line_and_it_goes_on(planted: Planted) -> None:
    planted.tell("rest(True)")
    for last in (
        "engine:prove",
        "shell.recorder:Recorder.prove",
        "shell.recorder:Recorder.idle",
        "engine:idle",
        "engine:untold",
        "shell.hooks:Hooks._prove_later",
    ):
        is_it = functools.partial(operator.eq, last)
        try_all(planted, {"a rest": cell("numbers = [5]")}, said_once(planted), only=is_it, last=last)
    planted.tell("rest(False)")


def is_new(step: str) -> bool:
    """Whether a step of the shell was in no scenario before; the long form tries each in all."""
    return step.startswith(("shell.", "engine:", "native:")) and (IS_LONG or step not in reached)


def said_once(planted: Planted) -> Callable[[str, Reply], list[str]]:
    """Whether Clew said one more line, of whichever run it was that the session rested after."""
    before = planted.said()

    def check(_: str, __: Reply) -> list[str]:
        nonlocal before
        more, before = planted.said()[len(before) :], planted.said()
        return [] if len(more) == 1 and more[0].startswith("Clew: ") else [f"it said {more!r}"]

    return check


COMMANDS = {
    "a look": "%clew log -n 1",
    "an answer as a table": "%clew vars",
    "a mover": "%clew switch @",
    "settings": "%clew config record.outputs yes",
}


def test_p07_a_fault_in_a_command_is_one_line_and_no_traceback(planted: Planted) -> None:
    def check(name: str, reply: Reply) -> list[str]:
        planted.kernel.settle()
        # What is not on the way to the answer is said beside it.
        lines = reply.stderr.splitlines()
        is_fine = reply.ok and len(lines) == 1 and lines[0].startswith("Clew: ")
        return [] if is_fine else [f"it said {reply.stderr!r} {reply.evalue}"]

    planted.kernel.run("numbers = [3]").raised()
    scenarios = {name: cell(line) for name, line in COMMANDS.items()}
    try_all(planted, scenarios, check, only=is_new, kinds=[kind for kind in KINDS if kind != "interrupt"])


def test_p07_a_fault_before_a_mover_inside_a_cell_leaves_the_cell(planted: Planted) -> None:
    """What came before is sealed as a run of its own; where that fails it is said, and the mover or the cell goes on."""

    def check(_: str, reply: Reply) -> list[str]:
        wrong = (
            [] if reply.stderr.count("Clew: ") >= 1 and "Traceback" not in reply.stderr else [reply.stderr]
        )
        return wrong if reply.stdout.endswith("after\n") else [*wrong, f"the cell ended: {reply.evalue}"]

    scenario = cell("numbers = [4]\n%clew undo\nprint('after')")
    kinds = [kind for kind in KINDS if kind != "interrupt"]  # That is the cell's.
    try_all(planted, {"a mover in a cell": scenario}, check, only=is_new, kinds=kinds)


def test_p07_a_fault_in_completion_is_no_traceback(planted: Planted) -> None:
    def check(_: str, reply: Reply) -> list[str]:
        return [] if reply.content.get("status") == "ok" and not reply.stderr else [str(reply.content)]

    try_all(planted, {"completion": completion}, check, only=is_new)


def test_p07_a_fault_in_loading_or_unloading_is_one_line_and_loading_again_works(planted: Planted) -> None:
    def again(kernel: Kernel, cell_id: str) -> Reply:
        kernel.run("%unload_ext clew", silent=True).raised()
        reply = cells.run(kernel, "%load_ext clew", cell_id=cell_id)
        kernel.run("%reload_ext clew", silent=True).raised()
        kernel.run("mark = -1").raised()
        return reply

    def away(kernel: Kernel, cell_id: str) -> Reply:
        reply = cells.run(kernel, "%unload_ext clew", cell_id=cell_id)
        kernel.run("%unload_ext clew", silent=True)
        kernel.run("%load_ext clew", silent=True).raised()
        kernel.run("mark = -1").raised()
        return reply

    def check(name: str, reply: Reply) -> list[str]:
        lines = [line for line in reply.stderr.splitlines() if line]
        is_fine = reply.ok and lines and all(line.startswith("Clew: ") for line in lines)
        hung = planted.kernel.value(HUNG)
        wrong = [] if hung == 1 else [f"{hung} sessions listen now"]
        return wrong if is_fine else [*wrong, f"it said {reply.stderr!r} {reply.evalue}"]

    scenarios = {"loading": again, "unloading": away}
    try_all(planted, scenarios, check, only=is_new, kinds=[kind for kind in KINDS if kind != "interrupt"])


def test_p07_a_fault_in_the_child_of_a_fork_leaves_child_and_parent_as_they_would_be(
    planted: Planted, plain: Kernel
) -> None:
    known = [*steps.of_the_package(), *steps.of_the_engine()]
    left = [step for step in known if step.endswith((":_after_fork", ".abandon", ":abandon"))]
    assert len(left) == 4, left
    expected = seen(cell(FORK)(plain, "plain"))
    for step, kind in itertools.product(left, KINDS):
        reply, wrong = planted.fail(cell(FORK), step, kind)
        assert reply is not None and not wrong, (step, kind, wrong)
        # Who fails before the first net of ours is told of by the interpreter, in the child.
        is_heard = step != "shell.session:_after_fork"
        assert '"made = 1"' not in planted.kernel.clew("log -n 5 --all --json").stdout, "the child recorded"
        assert not is_heard or not difference(seen(reply), expected, (0, 1)), (step, kind, reply.stderr)
        reached.add(step)


def test_p07_what_a_fault_kept_from_being_seen_counts_as_touched(planted: Planted) -> None:
    """The names of a run are a hint, which spares looks. Where some may be missing there is none."""
    for number, step in enumerate(MISSING):
        planted.kernel.run("numbers = [6]").raised()
        assert planted.kernel.value("__import__('planting').state.told['touched']") == ["numbers"]
        reply, wrong = planted.fail(cell("numbers.append(7)"), step, "error")
        assert reply is not None and not wrong, (step, wrong)
        told = planted.kernel.value("[run['touched'] for run in __import__('planting').state.last_told[-2:]]")
        assert None in told, (step, number, told)


def test_p07_every_step_has_its_fault() -> None:
    """Last in this file: what the scenarios came to, against the code."""
    known = {*steps.of_the_package(), *steps.of_the_engine()}
    without = sorted(step for step in known - reached if not steps.need_no_fault(step))
    assert not without, "\n".join(without)
    assert reached & known, "nothing was tried"
