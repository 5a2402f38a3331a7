"""A local HTTP server that speaks as much of Slack's API as alerts use: incoming webhooks and chat.postMessage."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TOKEN = "xoxb-known-token"
WEBHOOK = "/services/T000/B000/known-webhook"


@dataclass
class FakeSlack:
    """What arrived, and how to answer.

    Attributes:
        posts: bodies that were taken.
        times: when, in seconds since 1970.
        answers: status and headers of the next answers, before it says yes again.
        asked: requests of any kind.
        silence: seconds before any answer.
    """

    url: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: int = 0
    silence: float = 0.0

    @property
    def webhook_url(self) -> str:
        return f"{self.url}{WEBHOOK}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def texts(self) -> list[str]:
        return [post["text"] for post in self.posts]


class _Handler(BaseHTTPRequestHandler):
    slack: FakeSlack

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.slack.asked += 1
        time.sleep(self.slack.silence)
        if self.slack.answers:
            status, headers = self.slack.answers.pop(0)
            self._answer(status, json.dumps({"ok": False, "error": "ratelimited"}), **headers)
        elif self.path == WEBHOOK:
            self.slack.posts.append(json.loads(body))
            self.slack.times.append(time.time())
            self._answer(200, "ok")
        elif self.path == "/api/chat.postMessage":
            self._post_message(body)
        else:
            self._answer(404, "no_service")

    def _post_message(self, body: str) -> None:
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(200, json.dumps({"ok": False, "error": "invalid_auth"}))
            return
        form = self.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
        post: dict[str, Any] = (
            {name: values[0] for name, values in parse_qs(body).items()} if form else json.loads(body)
        )
        if form:
            post["blocks"] = json.loads(post["blocks"])
        if post["channel"] == "#missing":
            self._answer(200, json.dumps({"ok": False, "error": "channel_not_found"}))
            return
        self.slack.posts.append(post)
        self.slack.times.append(time.time())
        self._answer(200, json.dumps({"ok": True, "ts": "1.0", "channel": post["channel"]}))

    def _answer(self, status: int, text: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/plain")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: object) -> None:
        """Nothing on the terminal."""


@contextmanager
def running_slack() -> Iterator[FakeSlack]:
    """The server, on a free port of 127.0.0.1."""
    slack = FakeSlack()
    handler = type("Handler", (_Handler,), {"slack": slack})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        slack.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield slack
        finally:
            server.shutdown()
