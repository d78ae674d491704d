"""What is typed at the console, carried out: AT lines, and the console's own dot commands."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway.console.conversation import Mode
from gateway.console.port import Talk

DOT_COMMANDS = {
    ".get": "fetch a page, as a sketch would",
    ".baud": "speak to the device at another rate",
    ".help": "what can be typed here",
    ".quit": "end, as Ctrl-D does",
}

REPLY_LIMIT = 20.0
"""Seconds for a final reply; the slowest command, AT+CWJAP, has 18 (contract, section 3)."""

CLOSE_LIMIT = 10.0
ESCAPE_SILENCE = 0.05
ESCAPE_REST = 1.1


def web_page(port: int) -> str:
    """The address of the page that the console serves itself."""
    return f"http://127.0.0.1:{port}/"


class ConsoleSession:
    """Carries out typed lines. `page_port` is that of the console's own page, if it has one."""

    def __init__(self, talk: Talk, show: Callable[[str], None], *, page_port: int | None) -> None:
        self.over = False
        """Whether `.quit` was typed."""
        self._talk = talk
        self._show = show
        self._page_port = page_port

    def is_dot_command(self, line: str) -> bool:
        """Whether a line is for the console itself; within payload nothing is."""
        return line.startswith(".") and self._talk.conversation.mode is Mode.COMMAND

    def send(self, line: str) -> None:
        """Send a line as it is typed. An empty one says nothing, except in payload."""
        mode = self._talk.conversation.mode
        if mode is Mode.COMMAND and not line:
            return
        if mode is Mode.PASS_THROUGH and line == "+++":
            # Section 6 of the contract: 20 ms of silence around it, and a deaf second after.
            time.sleep(ESCAPE_SILENCE)
            self._talk.send(line)
            time.sleep(ESCAPE_REST)
            return
        sent = self._talk.send(line)
        if mode is Mode.PAYLOAD and len(sent) < len(line.encode("utf-8", "surrogateescape")):
            self._show("(longer than AT+CIPSEND announced: the rest was not sent)\n")

    def wait_for_turn(self, seconds: float) -> bool:
        """Wait for the final reply or a prompt for payload; False when neither comes."""
        return self._talk.wait(
            lambda conversation: not conversation.awaiting or conversation.mode is not Mode.COMMAND,
            seconds,
        )

    def wait_for_end(self, seconds: float) -> bool:
        """Wait for the final reply; False when it does not come."""
        return self._talk.wait(lambda conversation: not conversation.awaiting, seconds)

    def dot_command(self, line: str) -> None:
        """Carry out a dot command; an unknown one is said on the screen."""
        name, _, argument = line.partition(" ")
        argument = argument.strip()
        if name == ".quit":
            self.over = True
        elif name == ".help":
            self._show(self.help())
        elif name == ".baud":
            self._set_baud(argument)
        elif name == ".get":
            self._get(argument)
        else:
            self._show(f"{name} is not known here; .help lists what is\n")

    def help(self) -> str:
        """The text of `.help`."""
        rows = "".join(f"  {name:<6} {text}\n" for name, text in DOT_COMMANDS.items())
        text = (
            "Lines go to the module as they are typed; these are for the console itself:\n"
            f"{rows}"
            "TAB completes a command, Ctrl-C clears the line, Ctrl-D ends.\n"
        )
        if self._page_port is None:
            return text
        return (
            f"{text}\nThe page by hand; a line of payload ends with CR LF, the last is empty:\n"
            f'  AT+CIPSTART="TCP","127.0.0.1",{self._page_port}\n'
            "  AT+CIPSEND=18\n"
            "  GET / HTTP/1.0\n"
            "\n"
        )

    def _set_baud(self, argument: str) -> None:
        try:
            self._talk.port.set_baud(int(argument))
        except (OSError, ValueError, OverflowError):
            self._show(f"not a rate that this device can have: {argument or 'none given'}\n")

    def _get(self, url: str) -> None:
        if not url and self._page_port is not None:
            url = web_page(self._page_port)
        request = http_request(url)
        if request is None:
            self._show("say for example: .get http://example.com/\n")
            return
        closings = self._talk.conversation.closings
        for line in request:
            payload = self._talk.conversation.mode is not Mode.COMMAND
            prompted = payload and not self._talk.conversation.show_prompt
            self._show(f"> {line}\n" if prompted else f"{line}\n")
            self._talk.send(line)
            if not self.wait_for_turn(REPLY_LIMIT):
                self._show("(no reply)\n")
                return
            if self._talk.conversation.mode is Mode.COMMAND and not self._fine():
                self._show("(stopped, for the reply was no OK)\n")
                return
        self._talk.wait(lambda conversation: conversation.closings > closings, CLOSE_LIMIT)

    def _fine(self) -> bool:
        conversation = self._talk.conversation
        return conversation.awaiting or conversation.last_final in ("OK", "SEND OK")


def http_request(url: str) -> list[str] | None:
    """The lines to type to fetch a page over one link; None for what is no such address.

    HTTP/1.0, so that the server closes the link behind the page (RFC 1945, section 1.3).
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        kind, standard_port = {"http": ("TCP", 80), "https": ("SSL", 443)}[parts.scheme]
        port = parts.port or standard_port
    except (ValueError, KeyError):
        return None
    host = parts.hostname or ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not host or not (host + path).isascii() or any(c in host + path for c in ' "'):
        return None
    lines = [f"GET {path} HTTP/1.0", f"Host: {host}", ""]
    size = sum(len(line) + 2 for line in lines)
    return [f'AT+CIPSTART="{kind}","{host}",{port}', f"AT+CIPSEND={size}", *lines]
