"""An API as a process of its own, over 127.0.0.1: `python -m tests.contract.deliveries.api_server FOLDER`.

It serves what `FOLDER/script.json` says and writes every request into `FOLDER/requests.jsonl`. A script maps a path to what
it answers: a list of records with a way to page through them, or a list of raw answers, given out one after the other (the
last again and again).
"""

from __future__ import annotations

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
given_out: dict[str, int] = {}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._serve()

    _body = ""

    def _serve(self) -> None:
        path, parameters = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
        said = {"path": path, "parameters": parameters, "headers": dict(self.headers), "body": self._body}
        with (FOLDER / "requests.jsonl").open("a") as file:
            file.write(json.dumps(said) + "\n")
        script = json.loads((FOLDER / "script.json").read_text()).get(path)
        if script is None:
            self._answer({"status": 404})
        elif not self._is_let_in(script.get("auth")):
            self._answer({"status": 401})
        elif "answers" in script:
            number = given_out.get(path, 0)
            given_out[path] = number + 1
            self._answer(script["answers"][min(number, len(script["answers"]) - 1)])
        else:
            self._answer(page_of(script, parameters, f"http://{self.headers['Host']}{path}"))

    def _is_let_in(self, auth: Any) -> bool:
        if auth is None:
            return True
        name, value = auth
        if name == "basic":
            name, value = "Authorization", "Basic " + base64.b64encode(value.encode()).decode()
        return self.headers.get(name) == value

    def _answer(self, answer: dict[str, Any]) -> None:
        body = answer.get("text", json.dumps(answer.get("json", {}))).encode()
        self.send_response(answer.get("status", 200))
        self.send_header("Content-Type", answer.get("type", "application/json"))
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class names it so
        pass


def page_of(script: dict[str, Any], parameters: dict[str, str], here: str) -> dict[str, Any]:
    """One page of `records`, as `by` has it; `since` leaves out older records."""
    by, size = script["by"], script.get("size", 2)
    records = [each for each in script["records"] if str(each.get("at", "")) >= parameters.get("since", "")]
    if by == "page":
        start = (int(parameters["page"]) - 1) * size
        return {"json": {"data": {"items": records[start : start + size]}}}
    if by == "offset":
        start, size = int(parameters["offset"]), int(parameters["limit"])
        return {"json": {"data": {"items": records[start : start + size]}}}
    start = int(parameters.get("cursor", "0"))
    document: dict[str, Any] = {"data": {"items": records[start : start + size]}}
    more = start + size < len(records)
    if by == "cursor":
        return {"json": document | {"meta": {"next": str(start + size) if more else None}}}
    link = f'<{here}?cursor={start + size}>; rel="next", <{here}>; rel="first"'
    return {"json": document, "headers": {"Link": link} if more and by == "link" else {}}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    (FOLDER / "port").write_text(str(server.server_address[1]))
    server.serve_forever()
