"""One real Chromium for each process, kept for many shots, watched, and closed at the end.

Starting a browser costs more than ten shots. It is driven from a thread of its own, because playwright belongs to the
thread that started it and because whoever waits for a shot must be able to stop waiting: a browser that does not answer
within the time limit is killed, and a new one takes the shot once more.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import queue
import threading
from dataclasses import dataclass, field
from typing import Any

from bench.errors import CodedError, Unavailable
from bench.tools import package_version, program

#: Names that Chromium's programs have on PATH, in the order tried.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "pip install 'washtest[browser]' && apt install chromium"
#: Seconds that starting the browser and taking one shot may take together.
TIME_LIMIT = 60.0
#: Chromium's rasteriser fails on larger surfaces, and smaller ones stay well within a worker's memory.
MAX_SIDE = 16_384
#: One colour space and one text rendering whatever the machine; the first frame of an animation; no calls home.
FLAGS = (
    "--force-color-profile=srgb", "--hide-scrollbars", "--disable-lcd-text", "--disable-gpu",
    "--blink-settings=imageAnimationPolicy=2", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """What to draw and what to save.

    Attributes:
        html: the page; nothing else is fetched.
        size: width and height of the screen in pixels.
        format: png or jpeg.
        quality: of JPEG.
    """

    html: str
    size: tuple[int, int]
    format: str
    quality: int


def missing() -> str:
    """The command that installs what is missing for real shots; "" when nothing is."""
    return "" if program(*PROGRAMS) and package_version("playwright") else INSTALL


@functools.cache
def version() -> str:
    """Chromium's version as it says itself, e.g. ``156.0.8078.79``."""
    import subprocess

    path = program(*PROGRAMS)
    if path is None:
        return "(not installed)"
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return "(does not answer)"
    return next((word for word in answer.split() if word[0].isdigit()), "of unknown version")


def take(shot: Shot, seconds: float = TIME_LIMIT) -> bytes:
    """The saved screen, by this process's browser; it is started when needed.

    Raises:
        CodedError: ``E_DECODE`` where Chromium does not show the picture, ``E_TOOL_TIMEOUT`` and ``E_TOOL_CRASH``
            where it fails twice.
        Unavailable: ``E_TOOL_MISSING``: no playwright or no Chromium.
    """
    if missing():
        raise Unavailable("E_TOOL_MISSING", f"no Chromium with playwright; {INSTALL}")
    failure = CodedError("E_TOOL_CRASH")
    for _ in range(2):
        try:
            return _browser().take(shot, seconds)
        except _Failed as error:
            close()
            failure = CodedError(error.code, f"Chromium {version()}, twice: {error.detail}")
    raise failure


class _Failed(CodedError):
    """The browser, not the picture, is at fault: worth another try with a new one."""


@dataclass
class _Browser:
    """The thread that drives a browser, and how to reach it."""

    owner: int = field(default_factory=os.getpid)
    asked: queue.SimpleQueue[Shot | None] = field(default_factory=queue.SimpleQueue)
    answered: queue.SimpleQueue[bytes | CodedError] = field(default_factory=queue.SimpleQueue)
    process: int = 0
    thread: threading.Thread = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._drive, name="chromium", daemon=True)
        self.thread.start()

    def take(self, shot: Shot, seconds: float) -> bytes:
        with self.lock:
            self.asked.put(shot)
            try:
                answer = self.answered.get(timeout=seconds)
            except queue.Empty:
                raise _Failed("E_TOOL_TIMEOUT", f"no shot within {seconds:g} s") from None
        if isinstance(answer, CodedError):
            raise answer
        return answer

    def close(self) -> None:
        """End the browser: by itself if it still answers, else by force."""
        self.asked.put(None)
        self.thread.join(0.5 if self.lock.locked() or not self.answered.empty() else 3.0)
        if self.thread.is_alive() and self.process:
            import signal

            with contextlib.suppress(OSError):
                os.kill(self.process, signal.SIGKILL)  # the driver sees it end, and its calls return with an error
            self.thread.join(5.0)

    def _drive(self) -> None:
        """The thread's life: start, shoot until told to stop or until something breaks, close."""
        from playwright.sync_api import Error, sync_playwright

        try:
            with sync_playwright() as playwright:
                # Signals are the run's to handle: Ctrl-C must not close browsers under workers that finish a task.
                quiet = {"handle_sigint": False, "handle_sigterm": False, "handle_sighup": False}
                browser = playwright.chromium.launch(
                    executable_path=program(*PROGRAMS), args=list(FLAGS), chromium_sandbox=False, **quiet
                )
                self.process = _process_of(browser)
                while (shot := self.asked.get()) is not None:
                    try:
                        self.answered.put(_shoot(browser, shot))
                    except CodedError as error:
                        self.answered.put(error)
        except Error as error:
            last = str(error).strip().splitlines() or ["no message"]
            self.answered.put(_Failed("E_TOOL_CRASH", last[0]))
        except Exception as error:
            self.answered.put(_Failed("E_TOOL_CRASH", f"{type(error).__name__}: {error}"))


def _process_of(browser: Any) -> int:
    """The browser's process id, by which it is killed when it answers no more."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return next((int(entry["id"]) for entry in processes if entry["type"] == "browser"), 0)


def _shoot(browser: Any, shot: Shot) -> bytes:
    """One shot on a page of its own: what other shots left in caches changes how pictures are drawn."""
    size = {"width": shot.size[0], "height": shot.size[1]}
    context = browser.new_context(viewport=size, device_scale_factor=1, service_workers="block", offline=True)
    try:
        page = context.new_page()
        page.route("**/*", lambda route: route.abort())
        page.set_content(shot.html, wait_until="load")
        if not page.evaluate("document.images[0].naturalWidth"):
            raise CodedError("E_DECODE", f"Chromium {browser.version} does not show this picture")
        # The bare command takes three quarters of the time of playwright's own, and PNG is written without much search.
        options = {"quality": shot.quality} if shot.format == "jpeg" else {"optimizeForSpeed": True}
        answer = context.new_cdp_session(page).send("Page.captureScreenshot", {"format": shot.format, **options})
        return base64.b64decode(answer["data"])
    finally:
        context.close()


_kept: _Browser | None = None


def _browser() -> _Browser:
    """This process's browser. One that a parent process started before it forked is not ours to use or to close."""
    from multiprocessing import util

    global _kept
    if _kept is None or _kept.owner != os.getpid() or not _kept.thread.is_alive():
        _kept = _Browser()
        # Runs at the end of worker processes too, where atexit does not.
        util.Finalize(None, close, exitpriority=10)
    return _kept


def close() -> None:
    """Close this process's browser, if there is one."""
    global _kept
    browser, _kept = _kept, None
    if browser is not None and browser.owner == os.getpid():
        browser.close()
