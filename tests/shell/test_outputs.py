"""What a run showed is recorded as the front end had it: whose it is, in its order, within limits."""

from __future__ import annotations

import json
from typing import Any

from harness import Reply
from kernel_record import Recorded
from nbformat.v4 import output_from_msg

Output = dict[str, Any]


def recorded_outputs(recorded: Recorded, nth: int = -1) -> list[Output]:
    """What the engine was told that a run showed."""
    text = recorded.ask(f"captures[{nth}]['output']")
    return [] if text is None else json.loads(text)


def front_end(reply: Reply) -> list[Output]:
    """What a front end would keep of the messages that a request brought."""
    outputs: list[Output] = []
    names: dict[int, str] = {}
    clears = False
    for kind, content in reply.messages:
        if kind == "clear_output":
            clears, outputs = content["wait"], outputs if content["wait"] else []
        elif kind == "update_display_data":
            shown = [i for i, name in names.items() if name == content["transient"]["display_id"]]
            for i in shown:
                outputs[i]["data"] = content["data"]
        elif kind in ("stream", "display_data", "execute_result", "error"):
            if clears:
                clears, outputs = False, []
            output = dict(output_from_msg({"header": {"msg_type": kind}, "content": content}))
            if kind == "stream" and outputs and outputs[-1].get("name") == content["name"]:
                outputs[-1]["text"] += content["text"]
                continue
            names[len(outputs)] = content.get("transient", {}).get("display_id", "")
            outputs.append(output)
    return outputs


def comparable(outputs: list[Output]) -> list[Output]:
    """Outputs without what Clew does not keep, colours and hints how to show a picture, and without what displays of other cells show."""
    import re

    outputs = [one for one in outputs if "updates" not in one.get("metadata", {}).get("clew", {})]
    for output in outputs:
        output.pop("metadata", None)
        if "traceback" in output:
            output["traceback"] = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in output["traceback"]]
    return outputs


CELLS = {
    "printed": "print('a')\nprint('b')",
    "both streams in turn": "import sys\nprint('a', flush=True); print('b', file=sys.stderr, flush=True); print('c')",
    "a result": "[1, 2]",
    "printed and a result": "print('a'); 6 * 7",
    "an error": "print('before')\n{}['key']",
    "a syntax error": "x = = 1",
    "a display between prints": "print('a'); display('shown'); print('b')",
    "HTML and markdown": "from IPython.display import HTML, Markdown\ndisplay(HTML('<b>x</b>'), Markdown('*x*'))",
    "JSON": "from IPython.display import JSON\ndisplay(JSON({'a': [1, 2.5, None]}))",
    "an update": "h = display('one', display_id=True)\nprint('x')\nh.update('two')",
    "an update of nothing here": "from IPython.display import update_display\nupdate_display('x', display_id='elsewhere')\nprint('y')",
    "cleared": "from IPython.display import clear_output\nprint('a'); clear_output(); print('b')",
    "cleared when the next comes": "from IPython.display import clear_output\nfor i in range(3):\n    clear_output(wait=True)\n    print(i); display(i)",
    "cleared and nothing came": "from IPython.display import clear_output\nprint('stays'); clear_output(wait=True)",
    "captured away": "%%capture caught\nprint('hidden'); display('hidden')\n5",
    "captured and shown": "from IPython.utils.capture import capture_output\nwith capture_output() as c: print('in'); display('in')\nprint('out')\nc.show()",
    "a picture": "import base64\nfrom IPython.display import Image\nImage(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=='))",
    "a figure at the end": "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint('drawn')",
    "a program": "import os\nos.system('echo from a program') and None",
    "a shell line": "!echo from a shell",
    "a redirected stream": "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()): print('away')\nprint('here')",
    "a thread": "import threading\nt = threading.Thread(target=print, args=('from a thread',)); t.start(); t.join()",
    "half a surrogate pair": "print('a\\udc80b')\ndisplay({'text/plain': '\\ud800'}, raw=True)",
    "a progress bar": "for i in range(3): print(f'\\r{i}', end='')",
    "a quiet one": "x = 1;",
    "a hook that takes messages": "get_ipython().display_pub.register_hook(lambda m: None)\ndisplay('taken')\nget_ipython().display_pub._hooks.clear()\nprint('p')",
}


def test_a_run_s_outputs_are_what_the_front_end_was_sent(recorded: Recorded) -> None:
    replies = {name: recorded.kernel.run(cell) for name, cell in CELLS.items()}
    captures = recorded.ask("captures")
    recorded.kernel.settle()
    assert [run["source"] for run in captures] == list(CELLS.values())
    found = {name: json.loads(run["output"] or "[]") for name, run in zip(CELLS, captures, strict=True)}
    for name, reply in replies.items():
        assert comparable(found[name]) == comparable(front_end(reply)), name
    # The front end was sent something in most of them.
    assert sorted(name for name, outputs in found.items() if not outputs) == ["a quiet one", "captured away"]


def test_what_a_thread_shows_after_its_cell_belongs_to_no_other_run(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run(
        "import threading\ngo, gone = threading.Event(), threading.Event()\n"
        "def late():\n    go.wait(); print('late', flush=True); gone.set()\n"
        "threading.Thread(target=late).start(); print('early')"
    )
    reply = kernel.run("go.set(); gone.wait(); print('mine')")
    assert recorded_outputs(recorded, 0)[0]["text"] == "early\n"
    # Whose it is the front end was told by the kernel; Clew says the same.
    assert recorded_outputs(recorded, 1) == front_end(reply)


def test_runs_beside_each_other_keep_their_outputs_apart_in_one_record(recorded: Recorded) -> None:
    kernel = recorded.kernel
    subshell = kernel.subshell()
    if subshell is None:
        kernel.run("print('alone')")
        assert recorded_outputs(recorded)[0]["text"] == "alone\n"
        return
    first = kernel.send(
        "import threading\ngo = threading.Event()\nprint('one', flush=True); go.wait(); print('three')"
    )
    kernel.until_printed(first, "one")
    second = kernel.send("print('two', flush=True); go.set()", subshell_id=subshell)
    kernel.collect([first, second])
    kernel.settle_subshell(subshell)
    assert [output["text"] for output in recorded_outputs(recorded)] == ["one\nthree\n", "two\n"]


def test_a_request_whose_number_begins_like_another_s_is_another(recorded: Recorded) -> None:
    kernel = recorded.kernel
    for n in range(12):
        kernel.run(
            "import threading\ngo = threading.Event()\n"
            "def late(go): go.wait(); print('late', flush=True)\n"
            f"threading.Thread(target=late, args=(go,)).start(); print({n}); go.set()"
        )
    kernel.settle()
    assert [json.loads(run["output"])[0]["text"].split()[0] for run in recorded.captures] == [
        str(n) for n in range(12)
    ]


def test_output_of_no_run_is_recorded_nowhere(recorded: Recorded) -> None:
    recorded.kernel.run("print('silent')", silent=True)
    recorded.kernel.run("print('spoken')")
    assert [output["text"] for output in recorded_outputs(recorded)] == ["spoken\n"]


def test_what_goes_into_an_output_widget_is_kept_and_clears_only_itself(recorded: Recorded) -> None:
    recorded.kernel.run(
        "import ipywidgets\nout = ipywidgets.Output()\nprint('cell')\n"
        "with out: print('first')\n"
        "with out:\n    out.clear_output()\n    print('second')\n    display(1)\n    1/0\n"
        "print('end')\nout"
    ).raised()
    kept = [(one["output_type"], one.get("text")) for one in recorded_outputs(recorded)]
    assert kept[:2] == [("stream", "cell\n"), ("stream", "second\n")]
    assert [kind for kind, _ in kept[2:]] == ["display_data", "error", "stream", "execute_result"]
    widget = recorded_outputs(recorded)[-1]
    assert list(widget["data"]) == ["text/plain"]
    assert [note["what"] for note in widget["metadata"]["clew"]["left_out"]] == [
        "application/vnd.jupyter.widget-view+json"
    ]


def test_clew_s_own_answers_are_no_output_of_the_run(recorded: Recorded) -> None:
    reply = recorded.kernel.run("print('before')\n%clew status\n%clew log\n%clew refuse\nprint('after')")
    assert "did status" in reply.stdout and "Refused" in reply.stderr
    assert recorded_outputs(recorded) == [
        {"output_type": "stream", "name": "stdout", "text": "before\nafter\n"}
    ]


def test_a_mover_inside_a_cell_parts_its_outputs_too(recorded: Recorded) -> None:
    recorded.kernel.run("print('one')\nx = 1\n%clew undo\nprint('two')")
    assert recorded.sources == ["print('one')\nx = 1\n", "print('two')"]
    assert [recorded_outputs(recorded, nth)[0]["text"] for nth in (0, 1)] == ["one\n", "two\n"]


def test_the_middle_of_a_long_text_is_left_out_and_said(recorded: Recorded) -> None:
    recorded.kernel.run("for i in range(100_000): print('line', i)")
    (output,) = recorded_outputs(recorded)
    lines = output["text"].splitlines()
    assert lines[0] == "line 0" and lines[-1] == "line 99999" and len(output["text"]) < 260_000
    (gap,) = [line for line in lines if not line.startswith("line ")]
    (note,) = output["metadata"]["clew"]["left_out"]
    assert note["what"] == "text" and gap == f"… {note['size']:,} characters left out …"
    everything = sum(len(f"line {i}\n") for i in range(100_000))
    assert len(output["text"]) - len(gap) - 2 + note["size"] == everything
    # Cut between words: no line is a part of one.
    assert all(line == gap or int(line.split()[1]) >= 0 for line in lines)


def test_pictures_texts_and_outputs_are_kept_within_their_limits(recorded: Recorded) -> None:
    recorded.kernel.run(
        "for n in (6_000_000, 3_000_000, 1_000_000):\n"
        "    display({'image/png': 'A' * n, 'text/plain': str(n)}, raw=True)\n"
        "display({'text/html': 'x' * 3_000_000, 'application/vnd.jupyter.widget-view+json': {'model_id': 'a'}}, raw=True)\n"
    )
    pictures = recorded_outputs(recorded)
    assert [list(one["data"]) for one in pictures] == [
        ["image/png", "text/plain"],
        ["text/plain"],
        ["image/png", "text/plain"],
        [],
    ]
    left_out = [one.get("metadata", {}).get("clew", {}).get("left_out", []) for one in pictures]
    assert left_out[1] == [{"what": "image/png", "count": 1, "size": 3_000_000}]
    assert [note["what"] for note in left_out[3]] == ["text/html", "application/vnd.jupyter.widget-view+json"]
    recorded.kernel.run("for i in range(700): display(i)\n1/0")
    many = recorded_outputs(recorded)
    assert len(many) == 502 and many[-2]["output_type"] == "error"
    assert many[-1]["metadata"]["clew"]["left_out"] == [{"what": "outputs", "count": 200, "size": 0}]


def test_p07_a_failure_of_the_recorder_is_one_warning_and_the_cell_goes_on(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run(
        "from clew.shell.run_outputs import Shown\ndef fail(*_): raise ValueError('planted')\nShown.note = fail",
        silent=True,
    )
    kernel.run("del Shown, fail", silent=True)
    replies = [kernel.run("print('shown'); display(1); 5") for _ in range(3)]
    kernel.settle()
    assert all(reply.ok and reply.stdout == "shown\n" and reply.result == "5" for reply in replies)
    warnings = [reply.stderr for reply in replies if reply.stderr]
    assert len(warnings) == 1 and "ValueError: planted" in warnings[0] and warnings[0].count("\n") == 1
    assert [run["output"] for run in recorded.captures] == [None] * 3


def test_unload_leaves_the_kernel_as_it_was(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run("print(1)")
    kernel.run("from clew.shell import session\nsession.unload()", silent=True)
    assert kernel.value("'send_multipart' in vars(get_ipython().kernel.iopub_thread)") is False
    assert kernel.run("print(2)").stdout == "2\n"


def test_the_child_of_a_fork_prints_as_before(recorded: Recorded) -> None:
    reply = recorded.kernel.run(
        "import os\nif (child := os.fork()) == 0:\n    print('child', flush=True)\n    os._exit(0)\n"
        "os.waitpid(child, 0); print('parent')"
    )
    recorded.kernel.settle()
    assert reply.ok and "parent" in reply.stdout
    # Beside what Python itself says of forks in processes with threads.
    assert any("parent" in output["text"] for output in recorded_outputs(recorded))


def test_no_object_of_the_user_s_is_held(recorded: Recorded) -> None:
    recorded.kernel.run(
        "import weakref\nclass Thing:\n    def __repr__(self): return 'thing'\nthing = Thing(); ref = weakref.ref(thing)\n"
        "display(thing); print(thing); del thing"
    )
    assert recorded.kernel.value("ref() is None") is True
