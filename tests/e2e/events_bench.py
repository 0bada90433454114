"""What the tests of events share: signed webhooks, a receiver for hooks, sidecars in a fleet."""

import hashlib
import hmac
import http.server
import json
import threading
import time

from admin_client import ask, get, samples

SECRET = "a secret of the tests"
JSON = {"Content-Type": "application/json"}


def metric(pannier, name):
    return samples(get(pannier.admin_port, "/metrics").body.decode())[f"pannier_{name}_total"]


def is_up(pannier):
    return get(pannier.admin_port, "/stats").json["state"]["upstream"] == "up"


def send(pannier, event, payload, headers=None):
    """POST /events/<event> as a local caller; `payload` is made JSON unless it is bytes."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return ask(pannier.admin_port, "POST", f"/events/{event}", JSON | (headers or {}), body)


def local(pannier, event, payload, headers=None):
    return send(pannier, event, payload, {"X-Pannier": "1"} | (headers or {}))


def signature(body, at=None, secret=SECRET):
    at = str(int(time.time()) if at is None else at)
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Pannier-Timestamp": at, "X-Pannier-Signature": "sha256=" + digest}


class Receiver:
    """Somebody whom hooks tell: answers with the statuses given, then with 204."""

    def __init__(self, statuses=()):
        self.statuses, self.requests = list(statuses), []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.command, self.path, dict(self.headers), body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_PURGE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
