"""A headless Chromium without a network, driven over two pipes by the DevTools protocol."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

VARIABLE = "QUANT_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE_S = 60.0
_SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-default-browser-check", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:1", "--remote-debugging-pipe",
)  # fmt: skip


def find_chromium() -> str | None:
    """Return the program that QUANT_CHROMIUM names, else the first on the path, else None."""
    named = os.environ.get(VARIABLE)
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """One Chromium process; `open` shows a file in a fresh tab."""

    def __init__(self, program: str, profile: Path) -> None:
        to_read, self._to_write = os.pipe()
        self._from_read, to_write = os.pipe()

        def take_pipes() -> None:
            # Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
            # Copies above them first: one of the ends may itself be 3 or 4.
            ours = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write)]
            for source, target in zip(ours, (3, 4), strict=True):
                os.dup2(source, target, inheritable=True)

        self._process = subprocess.Popen(
            [program, *_SWITCHES, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=take_pipes,  # noqa: PLW1509, no thread runs yet
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, *, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; events that come meanwhile are kept."""
        self._number += 1
        told = {"id": self._number, "method": method, "params": params}
        message = told | ({"sessionId": session} if session else {})
        os.write(self._to_write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        """Return the next message."""
        until = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from_read], [], [], until - time.monotonic())
            assert ready, f"Chromium has said nothing for {_PATIENCE_S:.0f} s"
            read = os.read(self._from_read, 1 << 20)
            assert read, "Chromium has ended"
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(self, path: Path, *, width: int = 1280) -> "Tab":
        """Return a tab that shows a file, once it is loaded and drawn."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Tab(self, session, path, width=width)

    def close(self) -> None:
        """End the process."""
        os.close(self._to_write)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from_read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Tab:
    """One page: what it asked of the network, what it logged, and what stands in it."""

    def __init__(self, browser: Browser, session: str, path: Path, *, width: int) -> None:
        self._browser, self._session, self.address = browser, session, path.as_uri()
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._ask(f"{domain}.enable")
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", **metrics)
        self._ask("Page.navigate", url=self.address)
        # Two frames after the load, what the scripts drew stands in the page.
        self.run(
            "new Promise((done) => { const wait = () => requestAnimationFrame(() => "
            "requestAnimationFrame(() => setTimeout(done, 50)));"
            "document.readyState === 'complete' ? wait() : addEventListener('load', wait); })"
        )

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.ask(method, session=self._session, **params)

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self._ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, text: str = "") -> None:
        """Press and release a key, as a user would."""
        codes = {"Enter": 13, " ": 32}
        told = {"key": key, "windowsVirtualKeyCode": codes.get(key, 0), "text": text}
        self._ask("Input.dispatchKeyEvent", type="keyDown", **told)
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def write(self, text: str) -> None:
        """Write a text into what has the focus."""
        self._ask("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click with the mouse into the middle of the first element of a selector."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});"
            "const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _events(self, method: str) -> list[dict[str, Any]]:
        return [
            event["params"]
            for event in self._browser.events
            if event.get("sessionId") == self._session and event["method"] == method
        ]

    @property
    def requests(self) -> list[str]:
        """Addresses asked for, but those that stand in the page itself (data:, blob:)."""
        asked = [one["request"]["url"] for one in self._events("Network.requestWillBeSent")]
        return [url for url in asked if not url.startswith(("data:", "blob:"))]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings: of the console, of the browser, and exceptions that none caught."""
        said = [
            str(one["args"])
            for one in self._events("Runtime.consoleAPICalled")
            if one["type"] in {"error", "warning", "assert"}
        ]
        logged = [
            one["entry"]["text"]
            for one in self._events("Log.entryAdded")
            if one["entry"]["level"] in {"error", "warning"}
        ]
        thrown = [str(one["exceptionDetails"]) for one in self._events("Runtime.exceptionThrown")]
        return said + logged + thrown

    def picture(self) -> bytes:
        """Return the whole page as a PNG."""
        import base64

        shot = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])
