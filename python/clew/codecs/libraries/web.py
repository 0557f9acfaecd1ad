"""Libraries for connections, pages and texts."""

from __future__ import annotations

from clew.codecs.library import Library

_CONNECTION = "a live connection"

LIBRARIES = (
    Library("requests", no_value={"requests.sessions.Session": _CONNECTION}, unrepeatable="requests"),
    Library(
        "httpx",
        no_value={"httpx.Client": _CONNECTION, "httpx.AsyncClient": _CONNECTION},
        unrepeatable="httpx",
    ),
    Library("aiohttp", no_value={"aiohttp.client.ClientSession": _CONNECTION}, unrepeatable="aiohttp"),
    Library(
        "urllib3",
        no_value={
            "urllib3.poolmanager.PoolManager": "a connection pool",
            "urllib3.response.HTTPResponse": _CONNECTION,
        },
        unrepeatable="urllib3",
    ),
    Library("boto3", unrepeatable="boto3"),
    Library("botocore", no_value={"botocore.client.BaseClient": _CONNECTION}),
    Library("paramiko", no_value={"paramiko.client.SSHClient": _CONNECTION}),
    Library("playwright", no_value={"playwright.sync_api._generated.Browser": "a browser"}),
    Library("selenium", no_value={"selenium.webdriver.remote.webdriver.WebDriver": "a browser"}),
    Library("lxml", codecs={"lxml": "lxml"}, setters="FunctionNamespace"),
    Library("bs4", package="beautifulsoup4", codecs={"bs4": "bs4"}),
    Library("yaml", package="pyyaml", opens_through_python=True),
    Library("markupsafe", opens_through_python=True),
    Library("regex", opens_through_python=True),
    Library(
        "dateutil", package="python-dateutil", codecs={"dateutil": "dateutil"}, opens_through_python=True
    ),
    Library("pytz", opens_through_python=True),
)
