"""The console's side of an AT conversation: what to send, what to show, whose turn it is.

Pure: bytes and typed lines in, bytes and text out. `Conversation.send` turns a typed line
into bytes according to the mode; `Conversation.receive` turns bytes of the line into text
for the screen, without the echo of what was just sent, and follows the replies.
"""

from __future__ import annotations

import codecs
import re
from enum import Enum, auto

FINAL_WORDS = frozenset({"OK", "ERROR", "FAIL", "SEND OK", "SEND FAIL"})
LONGEST_HELD_LINE = 4096

_BLOCK = re.compile(
    rb"\+IPD,(?:[0-4],)?(\d{1,5})(?:,[0-9.]{7,15},\d{1,5})?:|\+CIPRECVDATA,(\d{1,5}):"
)
_SEND = re.compile(r"AT\+CIPSEND=(?:\d+,)?(\d{1,5})")
_RESETS = frozenset({"AT+RST", "AT+RESTORE"})
_CLOSED = re.compile(r"(?:[0-4],)?CLOSED")


class Mode(Enum):
    """What the module takes the next typed line for."""

    COMMAND = auto()
    PAYLOAD = auto()
    CERTIFICATE = auto()
    PASS_THROUGH = auto()


class Readable:
    """Bytes of the line as text for a terminal, over any cutting of the bytes.

    CR LF and LF are line ends; UTF-8 and tabs stay; every other byte is written `\\x00`, so
    that nothing that a peer sends can steer the terminal.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._carriage_return = False

    def text(self, data: bytes, *, final: bool = False) -> str:
        """The text of `data`. A CR or a character cut in half waits for more, unless `final`."""
        text = self._decoder.decode(data, final)
        if self._carriage_return:
            text = "\r" + text
        self._carriage_return = text.endswith("\r") and not final
        if self._carriage_return:
            text = text[:-1]
        return "".join(map(_visible, text.replace("\r\n", "\n")))


def _visible(character: str) -> str:
    if character in "\n\t" or character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


class Conversation:
    """One conversation. `show_prompt` says whether `> ` is part of the text to show."""

    def __init__(self, *, show_prompt: bool) -> None:
        self.mode = Mode.COMMAND
        self.awaiting = False
        """Whether a final reply is still to come."""
        self.last_final = ""
        """The last final reply: `OK`, `ERROR`, `SEND OK`, …, `ready` for a reset."""
        self.readies = 0
        """How often the module has said `ready`."""
        self.closings = 0
        """How many links the module has reported `CLOSED`."""
        self.show_prompt = show_prompt
        self._command = ""
        self._interrupted = ""
        self._echo = b""
        self._payload_left = 0
        self._block_left = 0
        self._held = b""
        self._line_begun = False
        self._readable = Readable()

    @property
    def incomplete(self) -> bool:
        """Whether bytes wait for the rest of their line; `settle` gives them up."""
        return bool(self._held)

    def send(self, line: str) -> bytes:
        """The bytes for a typed line (without its line end), in the present mode.

        Payload gets CR LF and is cut to what `AT+CIPSEND` announced; `+++` in pass-through
        goes alone, as the contract (section 6) wants it.
        """
        data = line.encode("utf-8", "surrogateescape")
        if self.mode is Mode.PAYLOAD:
            data = (data + b"\r\n")[: self._payload_left]
            self._payload_left -= len(data)
            if not self._payload_left:
                self.mode = Mode.COMMAND
            return data
        if self.mode is Mode.PASS_THROUGH and line == "+++":
            self.mode = Mode.COMMAND
            return data
        if self.mode is Mode.CERTIFICATE and "-----END CERTIFICATE-----" in line:
            self.mode = Mode.COMMAND
        elif self.mode is Mode.COMMAND:
            self._interrupted = self._command if self.awaiting else ""
            self._command = line
            self._echo = data + b"\r\n"
            self.awaiting = True
        return data + b"\r\n"

    def give_up(self) -> None:
        """Wait no longer for the final reply."""
        self.awaiting = False

    def receive(self, data: bytes) -> str:
        """The text to show for bytes that came; whole lines, and blocks of data as they come."""
        self._held += data
        shown: list[str] = []
        while self._held and self._step(shown):
            pass
        return "".join(shown)

    def settle(self) -> str:
        """The text of an incomplete line that nothing more came for."""
        held, self._held = self._held, b""
        self._line_begun = self._line_begun or bool(held)
        return self._readable.text(held)

    def _step(self, shown: list[str]) -> bool:
        """Take one thing from the held bytes; False when it is not all there yet."""
        if self.mode is Mode.PASS_THROUGH:
            shown.append(self._readable.text(self._held))
            self._held = b""
            return False
        if self._block_left:
            shown.append(self._take_block())
            return True
        if not self._line_begun:
            if self._echo and self._held.startswith(self._echo):
                self._held = self._held.removeprefix(self._echo)
                self._echo = b""
                return True
            block = _BLOCK.match(self._held)
            if block:
                self._block_left = int(block[1] or block[2])
                self._held = self._held[block.end() :]
                shown.append(block[0].decode("ascii"))
                return True
            if self._held.startswith(b">") and self._prompted_mode() is not None:
                shown.append(self._take_prompt())
                return True
        return self._take_line(shown)

    def _take_block(self) -> str:
        taken = self._held[: self._block_left]
        self._held = self._held[len(taken) :]
        self._block_left -= len(taken)
        text = self._readable.text(taken, final=not self._block_left)
        # What follows a block has no line end before it (contract, section 6): give it one.
        return text if self._block_left or text.endswith("\n") else text + "\n"

    def _prompted_mode(self) -> Mode | None:
        """The mode that a `>` would begin, if the last command asks for one."""
        if not self.awaiting or self.mode is not Mode.COMMAND:
            return None
        if _SEND.fullmatch(self._command):
            return Mode.PAYLOAD
        return {
            "AT+CIPSEND": Mode.PASS_THROUGH,
            "AT+CIPSSLCERT": Mode.CERTIFICATE,
        }.get(self._command)

    def _take_prompt(self) -> str:
        self.mode = self._prompted_mode() or Mode.COMMAND
        announced = _SEND.fullmatch(self._command)
        self._payload_left = int(announced[1]) if announced else 0
        self.awaiting = self.mode is not Mode.PASS_THROUGH
        self._command = ""
        self._echo = b""
        self._held = self._held[1:].removeprefix(b" ")
        return "> " if self.show_prompt else ""

    def _take_line(self, shown: list[str]) -> bool:
        line, end, rest = self._held.partition(b"\n")
        if not end and len(line) < LONGEST_HELD_LINE:
            return False
        self._held = rest
        self._line_begun = not end
        shown.append(self._readable.text(line + end, final=bool(end)))
        if end:
            self._follow(line.strip(b"\r ").decode("utf-8", "replace"))
        return True

    def _follow(self, word: str) -> None:
        """What a whole line says about the conversation."""
        if _CLOSED.fullmatch(word):
            self.closings += 1
        elif word.startswith("busy ") and self._interrupted:
            self._command, self._interrupted = self._interrupted, ""
        elif word == "ready":
            self.readies += 1
            if not self.awaiting or self._command in _RESETS:
                self._end(word)
            else:
                # a gateway greets whoever opens its pseudo-terminal; the reply is to come
                self.mode = Mode.COMMAND
        elif word in FINAL_WORDS and self.awaiting and not self._goes_on(word):
            self._end(word)

    def _goes_on(self, word: str) -> bool:
        """Whether this `OK` is only half of the reply: a prompt or `ready` follows it."""
        return word == "OK" and (self._prompted_mode() is not None or self._command in _RESETS)

    def _end(self, word: str) -> None:
        self.last_final = word
        self.awaiting = False
        self.mode = Mode.COMMAND
        self._command = ""
        self._echo = b""
