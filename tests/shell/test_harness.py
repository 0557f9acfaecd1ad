"""The harness itself, on a kernel without Clew."""

from __future__ import annotations

from harness import Kernel


def test_a_cell_brings_its_output_and_its_result(plain_kernel: Kernel) -> None:
    reply = plain_kernel.run("print('hello'); 1 + 1")
    assert (reply.status, reply.stdout, reply.result, reply.execution_count) == ("ok", "hello\n", "2", 1)


def test_a_failed_cell_brings_its_exception(plain_kernel: Kernel) -> None:
    reply = plain_kernel.run("1 / 0")
    assert (reply.status, reply.ename, reply.evalue) == ("error", "ZeroDivisionError", "division by zero")


def test_values_come_back_as_literals_and_count_no_cell(plain_kernel: Kernel) -> None:
    plain_kernel.run("x = {'a': [1, 2.5, 'text']}")
    assert plain_kernel.value("x") == {"a": [1, 2.5, "text"]}
    assert plain_kernel.value("object()").startswith("<object object")
    assert plain_kernel.run("1").execution_count == 2


def test_queued_cells_answer_in_order_and_stop_at_an_error(plain_kernel: Kernel) -> None:
    replies = plain_kernel.queue(["x = 1", "x += 1; print(x)", "boom", "x = 99"])
    assert [reply.status for reply in replies] == ["ok", "ok", "error", "aborted"]
    assert replies[1].stdout == "2\n"


def test_a_cell_can_be_interrupted_and_a_kernel_killed_and_restarted(plain_kernel: Kernel) -> None:
    sent = plain_kernel.send("import time\nprint('begun')\nwhile True: time.sleep(0.01)")
    plain_kernel.until_printed(sent, "begun")
    plain_kernel.interrupt()
    assert plain_kernel.collect([sent])[0].ename == "KeyboardInterrupt"
    first = plain_kernel.pid
    plain_kernel.kill()
    plain_kernel.restart()
    assert plain_kernel.pid != first
    assert plain_kernel.value("'time' in globals()") is False


def test_a_new_kernel_has_another_hash_seed(plain_kernel: Kernel) -> None:
    before = plain_kernel.value("hash('text')")
    plain_kernel.kill()
    plain_kernel.restart()
    assert plain_kernel.value("hash('text')") != before


def test_the_collector_finds_what_a_kernel_imported_at_its_start(plain_kernel: Kernel) -> None:
    plain_kernel.run("import gc, json")
    assert plain_kernel.value("any(one is vars(json) for one in gc.get_referrers(json.JSONEncoder))") is True
    assert plain_kernel.value("any(one is json.JSONEncoder.default for one in gc.get_objects())") is True
