"""Cells that are not executed: what decides is a list here, and everything else is real."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from desk import Desk, code_cells, outcomes, statuses
from harness import Typed

#: Runs the command with a decider that restores the cells of these indexes; it writes down how it was called.
DRIVER = textwrap.dedent("""
    import json, sys
    from clew.run import command
    from clew.run.decider import Decision

    calls = []

    class Listed:
        def begin(self, cells, parameters, cwd):
            calls.append(["begin", [[cell.index, cell.id, cell.source, list(cell.tags)] for cell in cells], parameters, cwd])

        def decide(self, index):
            calls.append(["decide", index])
            if index not in told["restored"]:
                return Decision("executed", ("listed as such",))
            shown = {"output_type": "stream", "name": "stdout", "text": f"stored of {index}\\n"}
            return Decision("restored", ("nothing changed",), [shown], 40 + index, "7")

        def bring(self, ask):
            calls.append(["bring", ask("str(globals().__setitem__('brought', globals().get('brought', 0) + 1) or brought)")])

        def executed(self, index, ok):
            calls.append(["executed", index, ok])

        def end(self, ask):
            calls.append(["end", None if ask is None else ask("'[\\"still there\\"]'")])

    told = json.loads(sys.argv[1])
    command.decider_for = lambda options, base: Listed()
    code = command.run([json.dumps(told["document"])])
    heavy = sorted({"papermill", "nbclient", "jupyter_client", "yaml"} & set(sys.modules))
    open("calls.json", "w").write(json.dumps({"calls": calls, "heavy": heavy}))
    sys.exit(code)
""")
CELLS = ["a = 1", "# text", "b = a", "", "c = 3"]


def decided(
    desk: Desk, restored: list[int], *, env: dict[str, str] | None = None, **document: Any
) -> tuple[Typed, list[Any], list[str]]:
    """Runs with that decider: how it went, the calls, and which of the heavy packages were imported."""
    found = desk.python(DRIVER, json.dumps({"restored": restored, "document": document}), env=env)
    told = desk.read("calls.json")
    return found, told["calls"], told["heavy"]


def test_where_nothing_has_to_run_no_kernel_starts_and_papermill_is_not_imported(desk: Desk) -> None:
    desk.notebook("whole.ipynb", *CELLS, tags={0: ["parameters"]})
    found, calls, heavy = decided(desk, [0, 2, 4], input="whole.ipynb", output="light.ipynb", explain=True)
    assert found.exit == 0 and heavy == [], found
    assert found.err.startswith(
        "Input Notebook:  whole.ipynb\nOutput Notebook: light.ipynb\n3 of 3 cells restored; "
    )
    cells = [
        [0, "whole-0", "a = 1", ["parameters"]],
        [2, "whole-2", "b = a", []],
        [4, "whole-4", "c = 3", []],
    ]
    assert calls == [
        ["begin", cells, {}, str(desk.folder)],
        *(["decide", index] for index in (0, 2, 4)),
        ["end", None],
    ]
    assert found.out.splitlines() == [
        "1  restored  a = 1  nothing changed",
        "2  restored  b = a  nothing changed",
        "3  skipped          no code",
        "4  restored  c = 3  nothing changed",
    ]


def test_what_is_written_then_has_what_papermill_would_write(desk: Desk) -> None:
    desk.notebook("same.ipynb", *CELLS)
    assert decided(desk, [0, 2, 4], input="same.ipynb", output="light.ipynb")[0].exit == 0
    # A parameter goes through papermill itself; its cell is restored too.
    words = {"input": "same.ipynb", "output": "heavy.ipynb", "parameters": ["x", "1"]}
    found, calls, heavy = decided(desk, [0, 1, 3, 5], **words)
    assert found.exit == 0 and "papermill" in heavy and ["end", None] in calls, (found, calls)
    light, full = desk.read("light.ipynb"), desk.read("heavy.ipynb")
    assert keys(light["metadata"]["papermill"]) == keys(full["metadata"]["papermill"])
    for ours, theirs in zip(light["cells"], full["cells"][1:], strict=True):
        assert keys(ours) == keys(theirs), (ours, theirs)
    first = light["cells"][0]
    assert first["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["stored of 0\n"]}]
    assert first["execution_count"] == 40 and statuses(light) == ["completed"] * 4
    assert first["metadata"]["clew"] == {"outcome": "restored", "run": "7", "why": ["nothing changed"]}


def keys(value: Any) -> Any:
    """The shape of JSON: names, and the types of what they name."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in value.items() if name != "parameters"}
    return (
        "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
    )


def test_the_kernel_is_brought_up_before_the_first_cell_and_again_behind_restored_ones(desk: Desk) -> None:
    desk.notebook("mixed.ipynb", "w = 0", "x = 1", "y = 2", "z = 3", "brought", "1 / 0", "v = 4")
    found, calls, _ = decided(desk, [0, 3, 6], input="mixed.ipynb", output="mixed-out.ipynb", json=True)
    assert found.exit == 1, found
    assert calls[1:] == [
        ["decide", 0],
        ["decide", 1],
        ["bring", 1],
        ["executed", 1, True],
        ["decide", 2],
        ["executed", 2, True],
        ["decide", 3],
        ["decide", 4],
        ["bring", 2],
        ["executed", 4, True],
        ["decide", 5],
        ["executed", 5, False],
        ["end", ["still there"]],
    ]
    outcomes = [cell["outcome"] for cell in found.json["cells"]]
    assert outcomes == ["restored", "executed", "executed", "restored", "executed", "failed", "not reached"]
    assert found.json["counts"] == {"restored": 2, "executed": 3, "failed": 1, "not reached": 1}
    cells = [cell for cell in code_cells(desk.read("mixed-out.ipynb")) if cell["metadata"]["tags"] == []]
    # What is asked silently counts as no cell.
    assert [cell["execution_count"] for cell in cells] == [40, 1, 2, 43, 3, 4, None]
    assert cells[4]["outputs"][0]["data"]["text/plain"] == ["2"]


def test_a_kernel_that_can_not_be_given_what_is_stored_executes_nothing(desk: Desk) -> None:
    desk.notebook("cut.ipynb", "a = 1", "b = a")
    found, calls, _ = decided(desk, [0], env={"CLEW": "off"}, input="cut.ipynb", output="cut-out.ipynb")
    assert (
        found.exit == 1 and "The results of cell 1 are stored, but this kernel cannot load them" in found.err
    ), found
    assert calls[-1] == ["end", None] and statuses(desk.read("cut-out.ipynb"))[0] == "completed"


def test_a_plan_decides_of_every_cell_and_runs_and_writes_nothing(desk: Desk) -> None:
    desk.notebook("planned.ipynb", *CELLS)
    for words, code in (({"plan": True}, 0), ({"check": True}, 3)):
        found, calls, heavy = decided(desk, [0], input="planned.ipynb", output="planned-out.ipynb", **words)
        assert found.exit == code and heavy == [], found
        assert [call[0] for call in calls] == ["begin", "decide", "decide", "decide", "end"]
    assert not (desk.folder / "planned-out.ipynb").exists()
    assert found.out == "2 cells would be executed; `--plan` lists them\n"
    found, _, _ = decided(desk, [0, 2, 4], input="planned.ipynb", check=True)
    assert (found.exit, found.out) == (0, "Nothing would be executed\n")


def shown(desk: Desk, name: str, *cells: str) -> tuple[list[str], list[str]]:
    """Runs a notebook; what became of each cell, and each text that is displayed."""
    desk.notebook(name, *cells)
    assert desk.run(f"{name}.ipynb", "out.ipynb").exit == 0
    out = desk.read("out.ipynb")
    outputs = [output for cell in code_cells(out) for output in cell["outputs"]]
    assert not any("clew" in output["metadata"] for output in outputs)
    return outcomes(out), ["".join(output["data"]["text/plain"]) for output in outputs]


def test_p03_a_display_shows_what_a_later_cell_put_there_whichever_of_them_is_executed(desk: Desk) -> None:
    cells = [
        "k = 1",
        "h = display('by handle', display_id=True)",
        "display('by name', display_id='x');",
        "h.update(f'handled {k}')",
        "from IPython.display import update_display\nupdate_display(f'named {k}', display_id='x')",
    ]
    executed, restored = "executed", "restored"
    assert shown(desk, "displays", *cells) == ([executed] * 5, ["'handled 1'", "'named 1'"])
    assert shown(desk, "displays", *cells) == ([restored] * 5, ["'handled 1'", "'named 1'"])
    # The one that updates is executed, and what it updates restored.
    cells[0] = "k = 2"
    later = [executed, restored, restored, executed, executed]
    assert shown(desk, "displays", *cells) == (later, ["'handled 2'", "'named 2'"])
    # The other way round.
    cells[2] = "display('first', display_id='x'); 5;"
    first = [restored, restored, executed, restored, restored]
    assert shown(desk, "displays", *cells) == (first, ["'handled 2'", "'named 2'"])
    del cells[3:]
    assert shown(desk, "displays", *cells) == ([restored] * 3, ["'by handle'", "'first'"])
