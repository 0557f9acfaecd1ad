"""The peers that dump everything."""

from __future__ import annotations

from types import SimpleNamespace

import bench_dumps
import pytest


@pytest.fixture
def dumps(tmp_path, monkeypatch):
    """Dumps of a shell with a namespace, in a way that writes the names and refuses `bad`."""

    def dump(namespace, path):
        path.write_text("begun")
        if "bad" in namespace:
            raise TypeError("cannot pickle 'bad'")
        path.write_text(",".join(bench_dumps.user_names(namespace)))

    monkeypatch.setitem(bench_dumps.WAYS, "names", (dump, lambda namespace, path: path.read_text()))
    shell = SimpleNamespace(user_ns={"a": 1, "_b": 2, "In": []}, events=SimpleNamespace(hooks=[]))
    shell.events.register = lambda event, hook: shell.events.hooks.append((event, hook))
    bench_dumps.attach(shell, "names", str(tmp_path / "dumps"))
    return shell._bench_dumps


def test_the_first_dump_is_what_is_there_and_then_one_follows_every_run(dumps):
    dumps.begin()
    ((event, hook),) = dumps.shell.events.hooks
    dumps.shell.user_ns["c"] = 3
    hook("result")
    assert event == "post_run_cell"
    assert [dumps.path(n).read_text() for n in range(2)] == ["a", "a,c"]


def test_the_cell_that_goes_back_is_no_run(dumps):
    dumps.begin()
    dumps.load(0)
    dumps.save()
    assert not dumps.path(1).exists()
    dumps.save()
    assert dumps.path(1).exists()


def test_a_dump_that_fails_leaves_no_file_and_is_told(dumps):
    dumps.begin()
    dumps.shell.user_ns["bad"] = object()
    dumps.save()
    del dumps.shell.user_ns["bad"]
    dumps.save()
    assert dumps.failures == {1: "TypeError: cannot pickle 'bad'"}
    assert [dumps.path(n).exists() for n in range(3)] == [True, False, True]
