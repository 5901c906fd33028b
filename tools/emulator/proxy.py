"""Forwards the calls of the local stack's functions to the local stack, and some executions to moto.

dispatch starts an execution for each upload. Executions about keys below MOTO
are started in moto's Step Functions, the others in the local stack, so that
both engines get the same input from the same dispatch. All other calls are
forwarded unchanged, with the Host header that their signature covers.
"""

import contextlib
import http.client
import http.server
import json
import threading
import urllib.parse

from botocore.exceptions import ClientError

from services import client

MOTO = "moto/"
_HOP = {"connection", "transfer-encoding", "keep-alive"}
TIMEOUT = 120  # seconds for one call


class Proxy(http.server.ThreadingHTTPServer):
    """The proxy. upstream is set when the local stack is ready."""

    daemon_threads = True

    def __init__(self, before):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream, self.before = None, before  # before is called with each job before its execution starts
        self.executions, self.changed = {}, threading.Condition()  # key of the object -> ARN

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"

    def started(self, key, arn):
        with self.changed:
            self.executions.setdefault(key, arn)
            self.changed.notify_all()

    def await_executions(self, keys, seconds):
        """Waits until all of these keys have an execution, and returns the ARNs by key."""
        with self.changed:
            if not self.changed.wait_for(lambda: set(keys) <= set(self.executions), seconds):
                raise TimeoutError(f"no execution was started for {sorted(set(keys) - set(self.executions))}")
            return dict(self.executions)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one(self):
        body = self._body()
        if self.headers.get("X-Amz-Target") == "AWSStepFunctions.StartExecution":
            return self._start(body)
        return self._pass_on(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_one

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _start(self, body):
        request = json.loads(body)
        job = json.loads(request["input"])
        self.server.before(job)
        key = job["object"]["key"]
        if not key.startswith(MOTO):
            answer = self._pass_on(body)
            if arn := json.loads(answer).get("executionArn"):
                self.server.started(key, arn)
            return
        try:
            made = client("stepfunctions").start_execution(**request)
        except ClientError as refused:
            error = refused.response["Error"]
            body = json.dumps({"__type": error["Code"], "message": error["Message"]})
            self._answer(400, {"Content-Type": "application/x-amz-json-1.0"}, body.encode())
            return
        self.server.started(key, made["executionArn"])
        answer = {"executionArn": made["executionArn"], "startDate": made["startDate"].timestamp()}
        self._answer(200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(answer).encode())

    def _pass_on(self, body):
        if self.server.upstream is None:
            self._answer(503, {}, b"the local stack is not ready")
            return b"{}"
        address = urllib.parse.urlsplit(self.server.upstream)
        upstream = http.client.HTTPConnection(address.hostname, address.port, timeout=TIMEOUT)
        with contextlib.closing(upstream):
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP | {"content-length"}:
                    upstream.putheader(name, value)
            if body or self.command in ("PUT", "POST"):
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            content = answer.read()
            self._answer(answer.status, dict(answer.getheaders()), content, answer.getheader("Content-Length"))
        return content

    def _answer(self, status, headers, content, length=None):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextlib.contextmanager
def serving(before):
    """Runs a proxy until the end of the with statement."""
    with Proxy(before) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
