"""Holds a package against the RO-Crate specification, without a network: `python crate_validation.py FILE`.

It runs in the environment of the servers, since kernels must not see what it imports. The checks are roc-validator's own, for the profile
Provenance Run Crate 0.5 and all that it builds on. They need one document of the network, the context of RO-Crate 1.1: ro-crate-py 0.13
carries it, and it is put into the validator's own cache, from which alone its offline mode reads. Prints a line of JSON for each
requirement that is not met, and nothing else.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from requests import Request, Response
from requests_cache import CachedSession
from rocrate_validator import models, services
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = {"all": "provenance-run-crate", "state": "workflow-run-crate"}


def cached(folder: Path) -> Path:
    """A cache in which the context lies, as an answer of the network would."""
    text = (files("rocrate") / "data/ro-crate.jsonld").read_bytes()
    assert json.loads(text)["@id"] == CONTEXT, "ro-crate-py carries another version"
    headers = {"Content-Type": "application/ld+json"}
    answer = Response()
    answer.status_code, answer.url, answer.request = 200, CONTEXT, Request("GET", CONTEXT).prepare()
    answer.headers.update(headers)
    answer.raw = HTTPResponse(io.BytesIO(text), headers, 200, preload_content=False, request_url=CONTEXT)
    session = CachedSession(str(folder / "cache"), backend="sqlite", expire_after=-1)
    session.cache.save_response(answer)
    session.close()
    return folder / "cache"


def main(package: str, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = services.ValidationSettings(
            rocrate_uri=package,
            profile_identifier=PROFILE[kind],
            requirement_severity=models.Severity.REQUIRED,
            offline=True,
            cache_path=cached(Path(folder)),
        )
        result = services.validate(settings)
        for issue in result.get_issues():
            print(json.dumps({"check": issue.check.identifier, "message": issue.message}))
        print(json.dumps({"passed": result.passed(), "checks": len(result.executed_checks)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
