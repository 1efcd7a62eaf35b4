#!/usr/bin/env bash
# any-llm-sdk 1.40.2 reports an answer that a provider broke off as one that came to its end: each
# end that it has no word of OpenAI's for is `stop`. So are Gemini's OTHER, LANGUAGE and none at all,
# and Anthropic's pause_turn (google-genai 3.6.1, anthropic 0.125.0). Half an answer is then scored
# as a whole one, and nothing in what the library hands on says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "any-llm-sdk[gemini]==1.40.2" google-genai==3.6.1 anthropic==0.125.0
"$folder/venv/bin/python" - <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from any_llm import AnyLLM

END = None

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *words): ...
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if "messages" in self.path:
            answer = {"id": "1", "type": "message", "role": "assistant", "model": "m", "stop_reason": END,
                      "stop_sequence": None, "content": [{"type": "text", "text": "Paris is"}],
                      "usage": {"input_tokens": 1, "output_tokens": 3}}
        else:
            candidate = {"content": {"role": "model", "parts": [{"text": "Paris is"}]}, "index": 0}
            answer = {"candidates": [candidate | ({"finishReason": END} if END else {})]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
for provider, ends in (("gemini", ["MAX_TOKENS", "OTHER", "LANGUAGE", None]), ("anthropic", ["max_tokens", "pause_turn"])):
    llm = AnyLLM.create(provider, api_key="none", api_base=address)
    for END in ends:
        answer = llm.completion(model="m", messages=[{"role": "user", "content": "How?"}], max_tokens=9)
        print(f"{provider}: the provider's end {END}, the library's {answer.choices[0].finish_reason}")
        expected = "length" if str(END).lower() == "max_tokens" else "stop"
        assert answer.choices[0].finish_reason == expected, answer
server.shutdown()
PY
echo "seen as described"
