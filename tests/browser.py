"""A headless Chromium that a test drives by its DevTools protocol, over two pipes; nothing is installed."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Chromium, if this machine has it."""

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
PATIENCE = 60
"""Seconds that a busy machine may take for an answer."""


class Browser:
    """One page.

    Attributes:
        complaints: what went wrong on the page: exceptions, and errors in the console.
        requests: what the page asked for besides itself.
    """

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        ours, self._answers = os.pipe()
        self._answers, theirs = ours, self._answers
        questions, self._questions = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4, whatever numbers the pipes have here.
        command = f'exec 3<&{questions} 4>&{theirs}; exec "$0" "$@"'
        profile = f"--user-data-dir={folder / 'profile'}"
        self._process = subprocess.Popen(
            ["bash", "-c", command, PROGRAM, *_OPTIONS, profile, "about:blank"],
            pass_fds=(questions, theirs),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(questions)
        os.close(theirs)
        self._buffer, self._number = b"", 0
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._session = ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, file: Path, width: int = 1000, height: int = 900, dark: bool = False) -> None:
        """Show a file, in a window of this size."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._address = file.as_uri()
        self._ask("Page.navigate", url=self._address)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        result = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.02)

    def press(self, key: str, code: int, text: str = "", shift: bool = False) -> None:
        """Press a key, as a person does."""
        for kind in ("keyDown", "keyUp"):
            said: dict[str, Any] = {"text": text} if text and kind == "keyDown" else {}
            said |= {"modifiers": 8} if shift else {}
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **said)

    def point(self, x: float, y: float) -> None:
        """Move the mouse there, in pixels of the window."""
        self._ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def tap(self, x: float, y: float) -> None:
        """Touch the screen there with a finger, shortly."""
        self._ask("Emulation.setTouchEmulationEnabled", enabled=True)
        self._ask("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self._ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self._ask("Emulation.setTouchEmulationEnabled", enabled=False)

    def click(self, name: str) -> None:
        """Click into the middle of the element of this id."""
        box = self.run(
            f"(box => [box.x + box.width / 2, box.y + box.height / 2])({name}.getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def picture(self) -> str:
        """The window as PNG, in base64."""
        return str(self._ask("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        os.close(self._questions)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._answers)

    def _ask(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        question: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            question["sessionId"] = self._session
        os.write(self._questions, json.dumps(question).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                return message["result"]

    def _next(self) -> Any:
        """The next message; what the page complains of or asks for is noted."""
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            assert time.monotonic() < end, "Chromium does not answer"
            if select.select([self._answers], [], [], 1)[0]:
                piece = os.read(self._answers, 1 << 20)
                assert piece, "Chromium has ended"
                self._buffer += piece
        line, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(line)
        method, said = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(said["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(said["args"]))
        elif method == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.complaints.append(said["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            address = said["request"]["url"]
            if address not in (getattr(self, "_address", ""), "about:blank") and not address.startswith(
                "data:"
            ):
                self.requests.append(address)
        return message
