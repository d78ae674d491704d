"""Basic commands: AT, reset, version, echo, UART, memory (contract, section 2)."""

from __future__ import annotations

from pathlib import Path

from gateway import __date__, __version__
from gateway.at import messages
from gateway.at.errors import ATError
from gateway.at.params import Choice, Integer
from gateway.at.table import Commands
from gateway.commands.call import Call
from gateway.services.api_line import (
    BAUD,
    DATA_BITS,
    FLOW,
    PARITY,
    STOP_BITS,
    LineRefused,
    UartSettings,
)

commands = Commands()

_UART = (
    Integer("baud", *BAUD),
    Integer("databits", *DATA_BITS),
    Integer("stopbits", *STOP_BITS),
    Integer("parity", *PARITY),
    Choice("flow control", FLOW),
)


@commands.on("AT")
async def test(call: Call) -> None:
    """Test whether the gateway answers."""


@commands.on("AT+RST")
async def reset(call: Call) -> None:
    """Restart the module."""
    call.gateway.conversation.reset()


@commands.on("AT+GMR")
async def version(call: Call) -> bytes:
    """Show the versions."""
    import platform

    system = f"{_operating_system()}, {platform.system()} {platform.release()}"
    return messages.version(__version__, __date__, system)


@commands.on("ATE0")
async def echo_off(call: Call) -> None:
    """Stop echoing command lines."""
    call.gateway.conversation.set_echo(False)


@commands.on("ATE1")
async def echo_on(call: Call) -> None:
    """Echo command lines."""
    call.gateway.conversation.set_echo(True)


@commands.on("AT+RESTORE")
async def restore(call: Call) -> None:
    """Go back to the factory settings and restart."""
    await call.gateway.settings.restore_factory()
    call.gateway.conversation.reset()


@commands.on("AT+UART?")
@commands.on("AT+UART_CUR?")
async def query_uart(call: Call) -> bytes:
    """Show the serial line's settings."""
    return _uart(call.prefix, call.gateway.line.settings)


@commands.on("AT+UART_DEF?")
async def query_stored_uart(call: Call) -> bytes:
    """Show the serial line's stored settings."""
    stored = call.gateway.settings.stored.uart
    return _uart(call.prefix, stored or call.gateway.uart_at_start)


@commands.on("AT+UART_CUR=", *_UART)
async def set_uart(
    call: Call, baud: int, data_bits: int, stop_bits: int, parity: int, flow: int
) -> None:
    """Change the serial line until a reset."""
    await _change_uart(call, UartSettings(baud, data_bits, stop_bits, parity, flow), store=False)


@commands.on("AT+UART=", *_UART)
@commands.on("AT+UART_DEF=", *_UART)
async def store_uart(
    call: Call, baud: int, data_bits: int, stop_bits: int, parity: int, flow: int
) -> None:
    """Change the serial line for good."""
    await _change_uart(call, UartSettings(baud, data_bits, stop_bits, parity, flow), store=True)


async def _change_uart(call: Call, wanted: UartSettings, *, store: bool) -> None:
    line = call.gateway.line
    if wanted != line.settings:
        try:
            await line.probe(wanted)
        except LineRefused as refusal:
            raise ATError(cause=f"the UART refuses {wanted.baud} baud: {refusal}") from None
    if store:
        await call.gateway.settings.default.change(uart=wanted)
    if wanted != line.settings:
        call.gateway.conversation.change_line_after_reply(lambda: line.change(wanted))


def _uart(prefix: str, uart: UartSettings) -> bytes:
    return messages.compact_value(
        prefix, uart.baud, uart.data_bits, uart.stop_bits, uart.parity, uart.flow
    )


@commands.on("AT+SYSRAM?")
async def query_memory(call: Call) -> bytes:
    """Show the memory available, and the least there was."""
    return messages.compact_value(call.prefix, *call.gateway.memory())


@commands.on("AT+SYSCPUFREQ?")
async def query_cpu_frequency(call: Call) -> bytes:
    """Show the CPU frequency that was asked for."""
    return messages.styled_value(call.gateway.style, call.prefix, call.volatile.cpu_mhz)


@commands.on("AT+SYSCPUFREQ=", Choice("MHz", (80, 160)))
async def set_cpu_frequency(call: Call, mhz: int) -> None:
    """Remember a CPU frequency; the host's clock is not touched."""
    call.volatile.cpu_mhz = mhz


@commands.on("AT+RFMODE?")
async def query_rf_mode(call: Call) -> bytes:
    """Show the 802.11 mode that was asked for."""
    return messages.styled_value(call.gateway.style, call.prefix, call.volatile.rf_mode)


@commands.on("AT+RFMODE=", Integer("mode", 1, 3))
async def set_rf_mode(call: Call, mode: int) -> None:
    """Remember an 802.11 mode; the radio is not touched."""
    call.volatile.rf_mode = mode


def _operating_system() -> str:
    """The distribution's own name, as /etc/os-release gives it."""
    try:
        rows = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown system"
    for row in rows:
        if row.startswith("PRETTY_NAME="):
            return row.partition("=")[2].strip('"')
    return "unknown system"
