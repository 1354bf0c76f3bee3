"""A TCP proxy that can be cut: what is sent disappears, and nobody is told, as when a network fails."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Forwards connections to a port of this machine, until it is cut, and again once it is mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._is_whole = threading.Event()
        self._is_whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        """Let everything disappear from now on, in both directions; connections stay as they are."""
        self._is_whole.clear()

    def mend(self) -> None:
        """Forward again what comes from now on; connections from before are reset, for their bytes are gone."""
        broken, self._sockets = self._sockets, []
        for end in broken:
            _close(end)
        self._is_whole.set()

    def close(self) -> None:
        """Close all."""
        self.mend()
        _close(self._listener)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                # A connection that begins while it is cut is taken by the kernel, and then nothing happens.
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._is_whole.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            far.settimeout(None)
        except OSError:
            _close(near)
            return
        self._sockets.append(far)
        threading.Thread(target=self._forward, args=(near, far), daemon=True).start()
        self._forward(far, near)

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                if self._is_whole.is_set():
                    sink.sendall(content)
        if self._is_whole.is_set():
            _close(source)
            _close(sink)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
