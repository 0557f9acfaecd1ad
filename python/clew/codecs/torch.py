"""PyTorch: tensors with their memory, so that views of one storage stay views of the same memory.

The pickle of a storage contains its address, so no two are equal. A tensor computed by autograd is restored without its graph, as a tensor
that requires no gradient: `backward` then raises an error, instead of computing a gradient that stops halfway. The tensor is reported as
not identical.

A tensor on another device is stored with that device's name. It is restored there if this machine has such a device, else on the CPU. Each
tensor is copied alone: views of one memory on such a device are restored with separate memory.
"""

from __future__ import annotations

import sys
from typing import Any

from clew._engine import Buffer, notice

from . import Codec, NoValue, Parts, keyed

#: Functions that create tensors from tensors. Only these names are allowed, because a stream may be untrusted.
MAKERS = frozenset(
    (
        "_rebuild_sparse_tensor",
        "_rebuild_nested_tensor",
        "_rebuild_qtensor",
        "_rebuild_meta_tensor_no_storage",
    )
)

#: Device types that are looked up. Only these names are allowed, for the same reason.
DEVICES = frozenset(("cuda", "xpu", "mps", "mtia"))


def _torch() -> Any:
    import torch

    return torch


def _bytes_of(storage: Any) -> Any:
    """Returns all memory of a storage on the CPU, as an array of bytes."""
    torch = _torch()
    return torch.empty(0, dtype=torch.uint8, device="cpu").set_(storage).numpy()


def _storage_over(memory: Any) -> Any:
    """Creates a storage over memory, without a copy."""
    torch = _torch()
    if memory is None:
        return torch.UntypedStorage(0, device="cpu")
    return torch.frombuffer(memory, dtype=torch.uint8).untyped_storage()


def _memory_parts(storage: Any) -> Buffer | None:
    return Buffer(_bytes_of(storage)) if storage.nbytes() else None


def _encode_storage(storage: Any) -> tuple[Any, ...]:
    if storage.device.type != "cpu":
        raise NoValue(f"a storage on {storage.device}")
    return (_memory_parts(storage),)


def _decode_storage(parts: tuple[Any, ...]) -> Any:
    return _storage_over(parts[0])


def _encode_tensor(tensor: Any) -> Parts:
    is_leaf, state = tensor.is_leaf, getattr(tensor, "__dict__", None) or None
    if tensor._backward_hooks:
        raise NoValue("a tensor with hooks")
    history = None if is_leaf else type(tensor.grad_fn).__name__
    rest = (tensor.requires_grad, tensor.grad if is_leaf else None, history, state)
    return Parts((type(tensor).__name__, _value_parts(tensor.detach())), rest)


def _value_parts(tensor: Any) -> tuple[Any, ...]:
    torch = _torch()
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
        # The reducers of these return the tensors that they consist of.
        make, parts = tensor.__reduce_ex__(5)[:2]
        if make.__name__ not in MAKERS:
            raise NoValue(f"a tensor of layout {tensor.layout} on {tensor.device}")
        return ("made", make.__name__, parts)
    flags = (tensor.is_conj(), tensor.is_neg())
    if tensor.device.type != "cpu":
        tensor, device = tensor.resolve_conj().resolve_neg().contiguous(), str(tensor.device)
        copy = tensor.cpu()
        return ("copied", device, tensor.dtype, tuple(tensor.shape), _memory_parts(copy.untyped_storage()))
    place = (tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()))
    return ("memory", tensor.dtype, *place, flags, _memory_parts(tensor.untyped_storage()))


def _value_of(parts: tuple[Any, ...]) -> Any:
    torch = _torch()
    match parts:
        case ("memory", dtype, offset, shape, strides, (is_conj, is_neg), memory):
            tensor = torch.empty(0, dtype=dtype, device="cpu")
            tensor.set_(_storage_over(memory), offset, shape, strides)
            tensor = torch._neg_view(tensor) if is_neg else tensor
            return tensor.conj() if is_conj else tensor
        case ("copied", device, dtype, shape, memory):
            tensor = torch.empty(0, dtype=dtype, device="cpu")
            return tensor.set_(_storage_over(memory)).reshape(shape).to(_here(device))
        case ("made", make, arguments) if make in MAKERS:
            return getattr(torch._utils, make)(*arguments)
    raise ValueError("A tensor is malformed")


def _here(device: str) -> str:
    """Returns a device, or the CPU if this machine does not have it."""
    if has_device(device):
        return device
    notice(f"on the CPU: {_lacks(device)}")
    return "cpu"


def _lacks(device: str) -> str:
    kind = device.partition(":")[0]
    return f"no {device if has_device(kind) else kind.upper() + ' device'} here"


def has_device(device: str) -> bool:
    """Returns whether this machine has the device of a tensor (`cuda:0`)."""
    torch = _torch()
    kind, _, index = device.partition(":")
    if kind not in DEVICES:
        return kind == "cpu"
    ways: Any = getattr(torch, kind, None)
    # Depending on the type, one of these modules reports whether there are devices.
    asked: list[Any] = [
        one for one in (ways, getattr(torch.backends, kind, None)) if hasattr(one, "is_available")
    ]
    return bool(asked) and bool(asked[0].is_available()) and int(index or 0) < int(ways.device_count())


def _decode_tensor(args: tuple[Any, ...]) -> Any:
    torch = _torch()
    kind, parts = args
    value = _value_of(parts)
    return torch.nn.Parameter(value, requires_grad=False) if kind == "Parameter" else value


def _fill_tensor(tensor: Any, state: Any) -> None:
    requires_grad, grad, history, own = state
    if history is None:
        tensor.requires_grad_(requires_grad)
    if grad is not None:
        tensor.grad = grad
    if own:
        tensor.__dict__.update(own)


def _encode_generator(generator: Any) -> tuple[Any, ...]:
    return (str(generator.device), generator.get_state().numpy().tobytes())


def _decode_generator(parts: tuple[Any, ...]) -> Any:
    torch = _torch()
    device, state = parts
    if not has_device(device):
        # Its state has another format than the CPU generator's.
        raise ValueError(f"it draws random numbers on {device}: {_lacks(device)}")
    generator = torch.Generator(device)
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    return generator


NAMED = keyed(
    Codec("torch.tensor", _encode_tensor, _decode_tensor, _fill_tensor),
    Codec("torch.storage", _encode_storage, _decode_storage),
    Codec("torch.generator", _encode_generator, _decode_generator),
)
CODECS: dict[type, Codec] = {}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for a type of PyTorch. Imports nothing that the session has not imported."""
    torch: Any = sys.modules.get("torch")
    if getattr(torch, "__version__", None) is None:
        return None
    if kind in (torch.Tensor, torch.nn.Parameter):
        return NAMED["tensor"]
    if kind is torch.UntypedStorage:
        return NAMED["storage"]
    return NAMED["generator"] if kind is torch.Generator else None
