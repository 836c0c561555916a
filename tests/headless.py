"""Pages as a reader's browser shows them: Chromium without a window, driven over its DevTools protocol."""

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One page of a browser with an empty profile.

    Attributes
    ----------
    requested : list of str
        Every address the page last opened has asked for.
    """

    def __init__(self, profile: Path):
        from websocket import create_connection

        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
                   f"--user-data-dir={profile}", "--disable-background-networking", "about:blank"]  # fmt: skip
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        said = next(line for line in self.process.stderr if "DevTools listening on" in line)
        port = said.split("127.0.0.1:")[1].split("/")[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            page = next(target for target in json.load(answer) if target["type"] == "page")
        self.socket = create_connection(page["webSocketDebuggerUrl"], timeout=60, suppress_origin=True)
        self.number, self.requested, self.loaded = 0, [], False
        self.call("Page.enable")
        self.call("Network.enable")

    def open(self, page: Path, width: int) -> None:
        """Load a page into a window of a width, to its last picture."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=True)
        self.requested, self.loaded = [], False
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not self.loaded:
            self._hear()

    def ask(self, expression: str):
        """Value of a JavaScript expression."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def call(self, method: str, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = self._hear()
            if message.get("id") == self.number:
                return message["result"]

    def _hear(self) -> dict:
        message = json.loads(self.socket.recv())
        if message.get("method") == "Network.requestWillBeSent":
            self.requested.append(message["params"]["request"]["url"])
        self.loaded |= message.get("method") == "Page.loadEventFired"
        return message

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)
