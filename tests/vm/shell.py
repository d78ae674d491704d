"""A prompt in a machine of your own: `python -m tests.vm.shell`.

A line is a command for the guest's root shell. What begins with `:` is for this program;
`:help` lists it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.vm.air import Air, Neighbour
from tests.vm.at_client import AtClient, NothingCame
from tests.vm.disk_image import CannotRun
from tests.vm.gateway_on_serial import GatewayOnSerial, push_source
from tests.vm.machine import Machine, MachineError
from tests.vm.running import running
from tests.vm.shell_protocol import CommandFailed
from tests.vm.standard_air import open_standard_air

SECONDS = 300


class Prompt:
    """The words that begin with a colon."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._client = AtClient(machine.serial())
        self._air = Air(machine)
        self._gateway: GatewayOnSerial | None = None
        self.words: dict[str, Callable[[str], object]] = {
            "help": self.help,
            "push": self.push,
            "gateway": self.gateway,
            "at": self.at,
            "hear": self.hear,
            "kill": lambda rest: self._running().kill(),
            "stop": lambda rest: self._running().stop(),
            "log": lambda rest: self._running().log(),
            "close": lambda radio: self._air.close(radio),
            "cut": lambda radio: self._air.cut(radio),
            "reopen": lambda radio: self._air.reopen(radio),
            "neighbour": self.neighbour,
            "unplug": lambda rest: machine.pull_cable(),
            "plug": lambda rest: machine.plug_cable(),
            "save": machine.save,
            "load": machine.load,
            "reboot": lambda rest: machine.reboot(),
        }

    def help(self, rest: str) -> str:
        """This list."""
        return "\n".join(
            [
                ":push                  put this tree's gateway and tests into the guest anew",
                ":gateway [KIND]        start the gateway on the serial line",
                ":at AT+...             send it a command line, show the reply",
                ":hear [SECONDS]        show what comes over the line",
                ":log  :stop  :kill     its journal, SIGTERM, SIGKILL",
                ":close  :cut  :reopen  wlan1's access points: end, cut the power, open again",
                ":neighbour SSID [PASSWORD]   somebody with a radio joins, and asks for an address",
                ":unplug  :plug         eth0's cable",
                ":save NAME  :load NAME :reboot",
            ]
        )

    def push(self, rest: str) -> None:
        """Put the source into the guest."""
        push_source(self._machine)

    def gateway(self, kind: str) -> object:
        """Start the gateway."""
        kind = kind or "networkmanager"
        self._gateway = GatewayOnSerial(self._machine, self._client, network=kind)
        self._gateway.start()
        self._gateway.greeted()
        return "ready"

    def at(self, command: str) -> object:
        """A command line and its reply."""
        return self._running().client.ask(command, 60)

    def hear(self, seconds: str) -> None:
        """What comes within so many seconds."""
        try:
            self._running().client.until(b"\0", float(seconds or 5))
        except NothingCame:
            print(self._running().client.drop())

    def neighbour(self, words: str) -> str:
        """Join from wlan3."""
        ssid, _, password = words.partition(" ")
        neighbour = Neighbour(self._machine)
        neighbour.join(ssid.encode(), password.encode())
        return neighbour.lease()

    def _running(self) -> GatewayOnSerial:
        if self._gateway is None:
            raise CommandFailed("no gateway yet: type :gateway")
        return self._gateway


def main() -> int:
    """Read lines and carry them out until the end of the input."""
    try:
        with running() as machine:
            open_standard_air(Air(machine))
            push_source(machine)
            prompt = Prompt(machine)
            while line := _line():
                _carry_out(machine, prompt, line.strip())
    except (CannotRun, MachineError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _line() -> str:
    print("vm# ", end="", flush=True)
    return sys.stdin.readline()


def _carry_out(machine: Machine, prompt: Prompt, line: str) -> None:
    try:
        if line.startswith(":"):
            word, _, rest = line[1:].partition(" ")
            carry_out = prompt.words.get(word, prompt.help)
            default = "wlan1" if word in ("close", "cut", "reopen") else ""
            answer = carry_out(rest or default)
            if answer is not None:
                print(answer)
        elif line:
            result = machine.run(line, seconds=SECONDS, check=False)
            print(result.output, end="")
            if result.status:
                print(f"[status {result.status}]")
    except (AssertionError, CommandFailed) as error:
        print(error)


if __name__ == "__main__":
    sys.exit(main())
