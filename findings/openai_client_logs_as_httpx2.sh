#!/usr/bin/env bash
# openai 3.57.0 speaks through httpx2 2.16.2, no longer through httpx: its line "HTTP Request: POST
# ..." for each request comes from the logger `httpx2`. A rule that keeps `httpx` quiet, as nearly
# every evaluation tool has one, silences nothing any more, and a run prints a line a request.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openai==3.57.0 httpx2==2.16.2
"$folder/venv/bin/python" - <<'PY'
import json, logging, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *words): ...
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}
        body = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

class Kept(logging.Handler):
    names = []
    def emit(self, record):
        self.names.append(record.name)

logging.getLogger().setLevel(logging.INFO)
logging.getLogger().addHandler(Kept())
logging.getLogger("httpx").setLevel(logging.WARNING)
server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
for _ in range(2):
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi."}])
server.shutdown()
print("loggers heard at INFO with `httpx` quiet:", Kept.names)
assert Kept.names == ["httpx2", "httpx2"], Kept.names
PY
echo "seen as described"
