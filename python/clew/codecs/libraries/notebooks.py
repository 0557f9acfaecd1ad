"""Libraries of which notebooks and their kernels are made, and those for tests."""

from __future__ import annotations

from clew.codecs.library import Library

LIBRARIES = (
    Library(
        "IPython",
        no_value={"IPython.core.interactiveshell.InteractiveShell": "the running shell"},
        opens_through_python=True,
        takes_frames="",
    ),
    Library(
        "ipykernel", no_value={"ipykernel.kernelbase.Kernel": "the running kernel"}, opens_through_python=True
    ),
    Library(
        "jupyter_client",
        no_value={
            "jupyter_client.manager.KernelManager": "a running kernel",
            "jupyter_client.client.KernelClient": "a connection to a kernel",
        },
    ),
    Library(
        "ipywidgets",
        no_value={"ipywidgets.widgets.widget.Widget": "a widget connected to the page"},
    ),
    Library("comm", no_value={"comm.base_comm.BaseComm": "a communication channel to the page"}),
    Library(
        "zmq",
        no_value={"zmq.sugar.socket.Socket": "a socket", "zmq.sugar.context.Context": "a ZeroMQ context"},
        opens_through_python=True,
    ),
    Library("tornado", opens_through_python=True),
    Library("traitlets", opens_through_python=True),
    Library("debugpy", takes_frames=""),
    Library("pydantic", takes_frames="_internal/"),
    Library("nest_asyncio", setters="apply"),
    Library("tqdm", setters="pandas", setters_elsewhere={"pandas": "pandas.progress_apply"}),
    Library("fastcore", setters="patch"),
    Library("hypothesis", draws_tests=True),
    *(
        Library(name, patches_others=True)
        for name in (
            "_pytest",
            "aioresponses",
            "freezegun",
            "httpretty",
            "mock",
            "pook",
            "pyfakefs",
            "pytest",
        )
        + ("requests_mock", "responses", "respx", "time_machine", "vcr")
    ),
)
