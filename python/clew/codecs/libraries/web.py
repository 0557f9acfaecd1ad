"""Libraries for connections, pages and texts."""

from __future__ import annotations

from clew.codecs.library import Library

LIBRARIES = (
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
)
