"""Libraries with few declared facts: for notebooks and their kernels, for connections, pages and texts, for tests."""

from __future__ import annotations

from clew.codecs.library import Library

LIBRARIES = (
    Library(
        "IPython",
        no_value={"the running shell": "IPython.core.interactiveshell.InteractiveShell"},
        opens_through_python=True,
        takes_frames="",
    ),
    Library(
        "ipykernel", no_value={"the running kernel": "ipykernel.kernelbase.Kernel"}, opens_through_python=True
    ),
    Library(
        "jupyter_client",
        no_value={
            "a running kernel": "jupyter_client.manager.KernelManager",
            "a connection to a kernel": "jupyter_client.client.KernelClient",
        },
    ),
    Library(
        "ipywidgets",
        no_value={"a widget connected to the page": "ipywidgets.widgets.widget.Widget"},
    ),
    Library("comm", no_value={"a communication channel to the page": "comm.base_comm.BaseComm"}),
    Library(
        "zmq",
        no_value={"a socket": "zmq.sugar.socket.Socket", "a ZeroMQ context": "zmq.sugar.context.Context"},
        opens_through_python=True,
    ),
    Library("debugpy", takes_frames=""),
    Library("pydantic", takes_frames="_internal/"),
    Library("nest_asyncio", setters="apply"),
    Library("tqdm", setters="pandas", setters_elsewhere={"pandas": "pandas.progress_apply"}),
    Library("fastcore", setters="patch"),
    Library("hypothesis", draws_tests=True),
    Library("requests", no_value={"a live connection": "requests.sessions.Session"}, unrepeatable="requests"),
    Library(
        "httpx",
        no_value={"a live connection": "httpx.Client httpx.AsyncClient"},
        unrepeatable="httpx",
    ),
    Library(
        "aiohttp", no_value={"a live connection": "aiohttp.client.ClientSession"}, unrepeatable="aiohttp"
    ),
    Library(
        "urllib3",
        no_value={
            "a connection pool": "urllib3.poolmanager.PoolManager",
            "a live connection": "urllib3.response.HTTPResponse",
        },
        unrepeatable="urllib3",
    ),
    Library("boto3", unrepeatable="boto3"),
    Library("botocore", no_value={"a live connection": "botocore.client.BaseClient"}),
    Library("paramiko", no_value={"a live connection": "paramiko.client.SSHClient"}),
    Library("playwright", no_value={"a browser": "playwright.sync_api._generated.Browser"}),
    Library("selenium", no_value={"a browser": "selenium.webdriver.remote.webdriver.WebDriver"}),
    Library("lxml", codecs={"lxml": "lxml"}, setters="FunctionNamespace"),
    Library("bs4", package="beautifulsoup4", codecs={"bs4": "bs4"}),
    Library("yaml", package="pyyaml", opens_through_python=True),
    Library(
        "dateutil", package="python-dateutil", codecs={"dateutil": "dateutil"}, opens_through_python=True
    ),
    *(
        Library(name, opens_through_python=True)
        for name in ("cloudpickle", "markupsafe", "mpl_toolkits", "mpmath", "pytz", "regex", "threadpoolctl")
        + ("tornado", "traitlets")
    ),
    *(
        Library(name, patches_others=True)
        for name in ("_pytest", "aioresponses", "freezegun", "httpretty", "mock", "pook", "pyfakefs")
        + ("pytest", "requests_mock", "responses", "respx", "time_machine", "vcr")
    ),
)
