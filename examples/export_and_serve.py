"""
A fit as one file, and a server that answers from it: `fit.export` writes functions, parameters and a
reader, and the server imports jax and numpy alone.

GET /posterior?draws=1000&key=0 gives mean and sd of every site as JSON.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

import coin

SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlparse

path, flips = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, path)
import relbo_artifact
program = relbo_artifact.load(path)
assert "relbo_ir" not in sys.modules

class Posterior(BaseHTTPRequestHandler):
    def do_GET(self):
        query = {name: int(value[0]) for name, value in parse_qs(urlparse(self.path).query).items()}
        sites = program.sample_posterior(program.init(), query["draws"], query["key"], {"flips": flips})
        moments = {s: {"mean": float(x.mean()), "sd": float(x.std())} for s, x in sites.items()}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(moments).encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Posterior)
print(server.server_port, flush=True)
server.serve_forever()
"""


def serve(fit, path):
    """Exports a fit and starts a server of it in another process: the process and its address."""
    fit.export(path, platforms=("cpu",))
    command = [sys.executable, "-c", SERVER, str(path), json.dumps(coin.FLIPS.tolist())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, f"http://127.0.0.1:{process.stdout.readline().strip()}"


def ask(address, draws=1000, key=0):
    """The server's answer: mean and sd of every site."""
    with urlopen(f"{address}/posterior?draws={draws}&key={key}", timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    fit = coin.train(progress=False)
    with tempfile.TemporaryDirectory() as folder:
        process, address = serve(fit, Path(folder) / "coin.relbo")
        try:
            answer = ask(address, draws=10_000)["bias"]
        finally:
            process.terminate()
            process.wait()
    mean, sd = coin.posterior()
    print(f"served: mean {answer['mean']:.4f}, sd {answer['sd']:.4f}; exact {mean:.4f}, {sd:.4f}")
