"""Tensors of a device come back on it where there is one. PyTorch is not in the suite's environments: it stands for itself in a
long test, and here for what is asked of it about devices."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from harness import Kernel

from bench import environments
from clew.codecs import torch as codec

Devices = Callable[..., list[str]]


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Devices:
    """Has PyTorch answer that there are so many GPUs; gives what is noticed."""

    def there_are(cuda: int, metal: bool = False) -> list[str]:
        ways = SimpleNamespace(is_available=lambda: cuda > 0, device_count=lambda: cuda)
        metals = SimpleNamespace(is_available=lambda: metal)
        backends = SimpleNamespace(mps=metals, cuda=SimpleNamespace())
        answers = SimpleNamespace(
            cuda=ways, mps=SimpleNamespace(device_count=lambda: int(metal)), backends=backends
        )
        noticed: list[str] = []
        monkeypatch.setattr(codec, "_torch", lambda: answers)
        monkeypatch.setattr(codec, "notice", noticed.append)
        return noticed

    return there_are


def test_a_tensor_comes_back_on_its_device_or_on_the_processor_and_that_is_said(devices: Devices) -> None:
    noticed = devices(cuda=1)
    assert (codec._here("cuda:0"), codec._here("cuda"), noticed) == ("cuda:0", "cuda", [])
    assert codec._here("cuda:1") == "cpu" and noticed.pop() == "on the CPU: no cuda:1 here"
    assert codec._here("mps:0") == "cpu" and noticed.pop() == "on the CPU: no MPS device here"
    noticed = devices(cuda=0, metal=True)
    assert codec._here("mps:0") == "mps:0" and not noticed
    assert codec._here("cuda:0") == "cpu" and noticed == ["on the CPU: no CUDA device here"]
    assert codec.has_device("cpu") and not codec.has_device("madeup:0")


def test_a_random_generator_of_a_device_that_is_not_there_says_so(devices: Devices) -> None:
    devices(cuda=0)
    with pytest.raises(ValueError, match="on cuda:0: no CUDA device here"):
        codec._decode_generator(("cuda:0", b""))


#: Has tensors stored as if they lay on a GPU. What of them is copied from there, and back, is not tried.
PRETENDS = '''
import torch
from clew.codecs import torch as codec
exec("""
def _value_parts(tensor):
    memory = _memory_parts(tensor.contiguous().untyped_storage())
    return ("copied", "cuda:0", tensor.dtype, tuple(tensor.shape), memory)
""", vars(codec))
'''


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_p06_a_model_that_was_on_a_gpu_is_resumed_without_one(kernels: Callable[..., Kernel]) -> None:
    """PyTorch itself, 2.1 GB where no benchmark brought it, in two kernels of which none has a GPU."""
    options: dict[str, Any] = {"python": environments.python(None), "paths": [environments.torch()]}
    kernel = kernels(notebook="/work/model.ipynb", **options)
    kernel.run(PRETENDS).raised()
    kernel.run(
        "_ = torch.manual_seed(3)\nmodel = torch.nn.Linear(3, 2)\nrow = torch.arange(3.0)\nplain = [1, 2]"
    ).raised()
    expected = kernel.value("model(row).tolist()")
    kernel.close()
    told = kernel.terminal("doctor", "--for", "model.ipynb", "--json").json["compared"]
    found = [one for one in told if one["kind"] == "device"]
    assert [(one["what"], one["recorded"], one["is_fine"]) for one in found] == [
        ("CUDA device", "cuda:0", False)
    ]
    assert {root["key"] for root in found[0]["names"]} == {"model", "row"}
    kernel = kernels(notebook="/work/model.ipynb", **options)
    said = kernel.clew("resume").raised().text
    assert "on the CPU: no CUDA device here" in said, said
    assert kernel.value("model(row).tolist(), str(model.weight.device), plain") == (expected, "cpu", [1, 2])
    assert kernel.value("model.weight.requires_grad, type(model.weight).__name__") == (True, "Parameter")
    # The next run records it where it is.
    kernel.run("more = row + 1").raised()
    kernel.close()
    kernel = kernels(notebook="/work/model.ipynb", **options)
    assert "no CUDA" not in kernel.clew("resume").raised().text
    assert kernel.value("model(more - 1).tolist()") == expected
