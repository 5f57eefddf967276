"""What a real browser makes of a page: python browser.py PAGE WIDTH light|dark [SCREENSHOT.png]

Prints one JSON object: the tables, tiles and bars as they are drawn, and what is wrong with the page. Speaks the
protocol of Chromium's developer tools through a pair of pipes, so that it needs nothing but a browser.
"""

import base64
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]

# Runs in the page, which has no script of its own. Everything that can be opened is open.
LOOK = r"""
(() => {
  document.querySelectorAll("details").forEach(it => it.open = true);
  const text = it => (it.innerText ?? it.textContent).trim().replace(/\s+/g, " ");
  const bar = svg => {
    const whole = svg.getBoundingClientRect();
    const part = rect => {
      const box = rect.getBoundingClientRect();
      return { tone: rect.getAttribute("class"), start: (box.left - whole.left) / whole.width,
        width: box.width / whole.width, color: getComputedStyle(rect).fill };
    };
    return { title: svg.querySelector("title").textContent, pixels: whole.width,
      parts: [...svg.querySelectorAll("rect")].map(part) };
  };
  const cell = it => it.querySelector("svg") ? bar(it.querySelector("svg")) : text(it);
  const above = table => {
    for (let at = table; at; at = at.parentElement)
      for (let it = at.previousElementSibling; it; it = it.previousElementSibling)
        if (/^(H2|H3|SUMMARY)$/.test(it.tagName)) return text(it);
    return "";
  };
  const table = it => ({ above: above(it), caption: text(it.caption),
    heads: [...it.querySelectorAll("thead th")].map(th => th.textContent),
    rows: [...it.querySelectorAll("tbody tr")].map(row => [...row.children].map(cell)) });

  const rgb = color => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = color => {
    const [r, g, b] = rgb(color).slice(0, 3).map(it => it / 255)
      .map(it => it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!rgb(color).length || rgb(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const name = it => `${it.tagName.toLowerCase()}.${it.getAttribute("class") ?? ""}: ${text(it).slice(0, 60)}`;
  const hidden = it => it.closest("thead") && getComputedStyle(it.closest("thead")).position === "absolute";
  const all = [...document.body.querySelectorAll("*")].filter(it => !hidden(it));
  const width = innerWidth;
  const wide = all.filter(it => it.getBoundingClientRect().right > width + 0.5
    || it.clientWidth > 0 && !(it instanceof SVGElement) && it.scrollWidth > it.clientWidth + 1);
  const worded = all.filter(it => !(it instanceof SVGElement)
    && [...it.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  const faint = worded.filter(it => contrast(getComputedStyle(it).color, paper(it)) < 4.5);
  const lines = it => {
    const range = document.createRange();
    range.selectNodeContents(it);
    return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size;
  };
  const torn = [...document.querySelectorAll(".digits, td.number")].filter(it => lines(it) > 1);
  const small = worded.filter(it => parseFloat(getComputedStyle(it).fontSize) < 12);
  const drawn = [...document.querySelectorAll("svg rect:not(.track)")];
  const dim = drawn.filter(it => contrast(getComputedStyle(it).fill, paper(it.closest("td"))) < 3);
  return {
    width, scroll_width: document.documentElement.scrollWidth,
    paper: getComputedStyle(document.body).backgroundColor,
    title: document.title, text: document.body.innerText,
    tiles: [...document.querySelectorAll(".tile")].map(it => [...it.children].map(text)),
    tables: [...document.querySelectorAll("table")].map(table),
    wide: wide.map(name), faint: faint.map(name), small: small.map(name), torn: torn.map(name), dim: dim.length,
    scripts: document.querySelectorAll("script, iframe, object, embed, img, form, [onload], [onerror]").length,
    links: [...document.querySelectorAll("[src], [href]")].map(it => it.getAttribute("src") ?? it.getAttribute("href")),
  };
})()
"""


def find():
    given = os.environ.get("LICENSE_STREAM_BROWSER")
    found = given or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        sys.exit(
            f"browser.py: found none of {', '.join(NAMES)}: run `scripts/prerequisites.sh test`, or set "
            "LICENSE_STREAM_BROWSER to a Chromium"
        )
    return found


class Ended(Exception):
    """The browser is gone: what it said last."""


class Browser:
    """A browser at the other end of two pipes: messages are JSON, each with a NUL behind it.

    Of as few processes as may be: a browser gives up where one of its own cannot be started in time.
    """

    def __init__(self, home):
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()
        # Above all that is open, so that neither is in the way of the other or of what Popen holds.
        far = [fcntl.fcntl(end, fcntl.F_DUPFD, 100) for end in (to_browser, from_browser)]
        os.close(to_browser)
        os.close(from_browser)

        def pipes():
            # Where a browser looks for them.
            os.dup2(far[0], 3)
            os.dup2(far[1], 4)

        self.said = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [
                find(), "--headless", "--no-sandbox", "--no-zygote", "--in-process-gpu", "--disable-gpu",
                "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", f"--user-data-dir={home}",
                "--remote-debugging-pipe", "about:blank",
            ],
            preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=self.said,
        )
        for end in far:
            os.close(end)
        self.last, self.unread, self.events = 0, b"", []

    def ended(self):
        status = self.process.wait()
        self.said.seek(0)
        said = self.said.read().decode(errors="replace")[-2000:]
        return Ended(f"browser.py: the browser has ended with {status}: {said}")

    def message(self):
        while b"\0" not in self.unread:
            more = os.read(self.read_end, 1 << 20)
            if not more:
                raise self.ended()
            self.unread += more
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        try:
            os.write(self.write_end, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise self.ended() from None
        while True:
            answer = self.message()
            if answer.get("id") != self.last:
                self.events.append(answer)
            elif "error" in answer:
                sys.exit(f"browser.py: {method}: {answer['error']}")
            else:
                return answer["result"]

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.message())


def look(page, width, scheme, screenshot=None):
    with tempfile.TemporaryDirectory() as home:
        browser = Browser(home)
        try:
            target = browser.call("Target.createTarget", url="about:blank")["targetId"]
            session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

            def call(method, **params):
                return browser.call(method, session, **params)

            for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"]:
                call(f"{domain}.enable")
            is_narrow = int(width) < 600
            size = {"width": int(width), "height": 900, "deviceScaleFactor": 1, "mobile": is_narrow}
            call("Emulation.setDeviceMetricsOverride", **size)
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            call("Emulation.setEmulatedMedia", features=features)
            browser.events.clear()
            call("Page.navigate", url=pathlib.Path(page).resolve().as_uri())
            browser.wait("Page.loadEventFired")
            looked = call("Runtime.evaluate", expression=LOOK, returnByValue=True)
            if "exceptionDetails" in looked:
                sys.exit(f"browser.py: {looked['exceptionDetails']}")
            seen = looked["result"]["value"]
            nodes = call("Accessibility.getFullAXTree")["nodes"]
            nodes = [node for node in nodes if not node.get("ignored")]
            role = [node.get("role", {}).get("value") for node in nodes]
            is_named = [bool(node.get("name", {}).get("value")) for node in nodes]
            seen["roles"] = {name: role.count(name) for name in ["table", "rowheader", "columnheader", "image"]}
            needs_name = ["table", "image", "rowheader"]
            seen["unnamed"] = sum(name in needs_name and not named for name, named in zip(role, is_named))
            told = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"]
            seen["console"] = [event["params"] for event in browser.events if event.get("method") in told]
            requests = [event for event in browser.events if event.get("method") == "Network.requestWillBeSent"]
            seen["requests"] = [event["params"]["request"]["url"] for event in requests]
            if screenshot:
                shot = call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
                pathlib.Path(screenshot).write_bytes(base64.b64decode(shot["data"]))
            return seen
        finally:
            browser.process.kill()
            browser.process.wait()


def main(*arguments):
    # On a busy machine a browser may end of itself. What a page is drawn like does not depend on the try.
    for left in reversed(range(3)):
        try:
            return print(json.dumps(look(*arguments)))
        except Ended as ended:
            print(ended, file=sys.stderr)
            if not left:
                sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
