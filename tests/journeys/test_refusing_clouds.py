"""What people read under `clew push` when a cloud says no: why, and what to do about it there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from journeys.person import Person
from journeys.terminal import Terminal

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#: By a clock that is far behind every other.
LONG_AGO = {"Date": "Sun, 01 Jan 2023 05:36:50 GMT"}


def variables(port: int) -> dict[str, dict[str, str]]:
    """What people set for each cloud, by how its URLs begin, to have it at another address."""
    at = f"http://127.0.0.1:{port}"
    account = {"gcs_base_url": at, "disable_oauth": True, "client_email": "", "private_key": ""}
    return {
        "s3": {
            "AWS_ENDPOINT": at,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": KEY,
        },
        "az": {
            "AZURE_ENDPOINT": f"{at}/devstoreaccount1",
            "AZURE_ALLOW_HTTP": "true",
            "AZURE_STORAGE_ACCOUNT_NAME": "devstoreaccount1",
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        },
        "gs": {
            "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account | {"private_key_id": ""}),
            "GOOGLE_ALLOW_HTTP": "true",
        },
    }


class Server:
    """Has one answer to everything."""

    def __init__(self) -> None:
        self.status, self.code, self.headers = 500, "", dict[str, str]()
        self.asked = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                server.asked += 1
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = f"<Error><Code>{server.code}</Code><Message>In words</Message></Error>".encode()
                self.send_response_only(server.status)
                for name, value in (server.headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever)
        self._thread.start()
        self.port = self._http.server_port

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def cloudy(people: Callable[..., Person], server: Server) -> Callable[[str], Person]:
    """Somebody with a history and a remote in a cloud."""

    def bring(scheme: str) -> Person:
        person = people("ada")
        notebook = person.opens("n.ipynb")
        notebook.run("x = 1")
        notebook.kernel.close()
        person.clew = Terminal(person.folders, variables(server.port)[scheme])
        person.clew("remote", "add", "cloud", f"{scheme}://clew/folder", "--no-probe").well()
        return person

    return bring


#: What to set, where each cloud knows nobody.
WHO = {
    "s3": "AWS_ACCESS_KEY_ID",
    "az": "AZURE_STORAGE_ACCOUNT_KEY",
    "gs": "gcloud auth application-default login",
}
EXPIRED = {
    "s3": (400, "ExpiredToken"),
    "az": (403, "AuthenticationFailed"),
    "gs": (401, "AuthenticationRequired"),
}
FULL = {"s3": (507, "XMinioStorageFull"), "az": (507, "AccountQuotaExceeded"), "gs": (403, "QuotaExceeded")}
CLOCK = {
    "s3": (403, "RequestTimeTooSkewed"),
    "az": (403, "AuthenticationFailed"),
    "gs": (401, "AuthenticationRequired"),
}
BUSY = {"s3": (503, "SlowDown"), "az": (503, "ServerBusy"), "gs": (503, "ServiceUnavailable")}


@pytest.mark.few(1)
@pytest.mark.parametrize("scheme", ["s3", "az", "gs"])
def test_a_push_says_why_a_cloud_refused_and_what_to_do(
    cloudy: Callable[[str], Person], server: Server, scheme: str
) -> None:
    person, counts = cloudy(scheme), []
    cases = [
        (EXPIRED, {}, " refused: ", WHO[scheme]),
        (FULL, {}, " is full: ", "free some space there, and repeat the command"),
        (CLOCK, LONG_AGO, "its clock is ", "set this machine's clock"),
        (BUSY, {}, "cannot be reached: 503", "repeat the command when it can be reached"),
    ]
    for answers, headers, why, what in cases:
        server.status, server.code = answers[scheme]
        server.headers, server.asked = headers, 0
        error = person.ask("push", "cloud")["error"]
        assert why in error["message"] and server.code in error["message"], error
        assert what in error["hint"] and KEY not in json.dumps(error), error
        counts.append(server.asked)
        said = person.clew("push", "cloud")
        assert said.exit > 2 and said.err.startswith("Error: ") and "Next: " in said.err, said
    # Only what may pass is tried again.
    assert counts[0] == counts[1] == counts[2] < counts[3], counts
