"""AT+CIPSSLCERT: certificates over the line, listed, deleted, refused (contract, section 7)."""

from __future__ import annotations

import asyncio
import functools
import re

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.at.messages import Style
from tests import fake_time
from tests.harness import Desk, at_desk
from tests.services import authority
from tests.services.authority import Identity

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
PROMPT = b"\r\nOK\r\n>"
FINAL = re.compile(rb"OK\r\n|ERROR\r\n")
BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
NAMES = ("First Root", "Second Root", "Third Root")
ROOTS = [authority.self_signed(name) for name in NAMES]
TEXT = ROOTS[0].pem.strip()
in_fake_time = functools.partial(at_desk, runner=fake_time.run)


async def upload(desk: Desk, text: bytes) -> bytes:
    """What is answered to a certificate's text."""
    assert await desk.ask("AT+CIPSSLCERT", b">") == PROMPT
    assert desk.unread() == b""
    desk.type(text)
    said = await desk.expect_match(FINAL)
    return said + desk.unread()


def read(text: bytes) -> bytes:
    """What is said of a text that is in."""
    return b"\r\nRead %d bytes\r\n" % len(text)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\\n"])
@pytest.mark.parametrize("behind", [b"", b"\n", b"\r\n", b"\\n"])
@pytest.mark.parametrize("pieces", [1, 7, 10_000])
def test_line_ends_and_the_one_behind(line_end: bytes, behind: bytes, pieces: int) -> None:
    text = TEXT.replace(b"\n", line_end)

    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert await desk.ask("AT+CIPSSLCERT", b">") == PROMPT
        typed = text + behind
        for start in range(0, len(typed), pieces):
            desk.type(typed[start : start + pieces])
        assert await desk.expect(b"OK\r\n") == read(text) + OK
        assert await desk.ask("AT") == OK
        assert await desk.ask("AT+CIPSSLCERT?") == b"+CIPSSLCERT,1:First Root\r\n" + OK
        assert desk.certificates.anchors == (ROOTS[0].pem,)

    at_desk(work)


def test_a_command_right_behind_is_read() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.type(b"AT+CIPSSLCERT\r\n" + TEXT + b"\r\nAT+CIPSSLCERT?\r\n")
        assert await desk.expect(b"Root\r\n\r\nOK\r\n") == (
            PROMPT + read(TEXT) + OK + b"+CIPSSLCERT,1:First Root\r\n" + OK
        )

    at_desk(work)


def test_the_text_is_never_echoed() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask("ATE1")
        assert await desk.ask("AT+CIPSSLCERT", b">") == b"AT+CIPSSLCERT\r\n" + PROMPT
        desk.type(TEXT)
        assert await desk.expect(b"OK\r\n") == read(TEXT) + OK
        assert await desk.ask("AT") == b"AT\r\n" + OK

    at_desk(work)


# the list


async def fill(desk: Desk) -> None:
    """Without echo, and all of ROOTS loaded."""
    await desk.quiet()
    for root in ROOTS:
        assert await upload(desk, root.pem.strip()) == read(root.pem.strip()) + OK


def test_listing_and_deleting_with_new_numbers() -> None:
    async def work(desk: Desk) -> None:
        await fill(desk)
        rows = [b"+CIPSSLCERT,%d:%s\r\n" % (n, name.encode()) for n, name in enumerate(NAMES, 1)]
        assert await desk.ask("AT+CIPSSLCERT?") == b"".join(rows) + OK
        assert await desk.ask("AT+CIPSSLCERT?2") == rows[1] + OK
        for unknown in (0, 4, 100):
            said = await desk.refused(f"AT+CIPSSLCERT?{unknown}")
            assert said == b"+CIPSSLCERT,%d:no certificate\r\n" % unknown + ERROR
        assert await desk.ask("AT+CIPSSLCERT=DELETE,2") == b"+CIPSSLCERT,2:deleted\r\n" + OK
        assert await desk.ask("AT+CIPSSLCERT?2") == b"+CIPSSLCERT,2:Third Root\r\n" + OK
        gone = b"+CIPSSLCERT=DELETE:no certificate\r\n" + ERROR
        assert await desk.refused("AT+CIPSSLCERT=DELETE,3") == gone
        for wrong in ("DELETE", "DELETE,", "DELETE,x", "delete,1", '"DELETE",1', "1", "DELETE,1,1"):
            assert await desk.refused(f"AT+CIPSSLCERT={wrong}") == ERROR
        assert await desk.refused("AT+CIPSSLCERT?x") == ERROR
        for _ in range(2):
            await desk.ask("AT+CIPSSLCERT=DELETE,1")
        assert await desk.refused("AT+CIPSSLCERT?") == b"+CIPSSLCERT:no cert\r\n" + ERROR
        assert await desk.refused("AT+CIPSSLCERT?1") == (
            b"+CIPSSLCERT,1:no certificate\r\n" + ERROR
        )
        assert await desk.refused("AT+CIPSSLCERT=DELETE,1") == gone

    at_desk(work)


def nameless() -> Identity:
    """A certificate without a common name."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "AT"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Nobody"),
        ]
    )
    return ROOTS[0].issue(name, authority=True)


@pytest.mark.parametrize("style", Style)
def test_whose_name_is_shown(style: Style) -> None:
    child = ROOTS[0].issue("Child", authority=True)

    async def work(desk: Desk) -> None:
        await desk.quiet()
        for identity in (child, nameless()):
            await upload(desk, identity.pem.strip())
        shown = ("Child", "O=Nobody,C=AT") if style is Style.README else ("First Root",) * 2
        assert await desk.ask("AT+CIPSSLCERT?") == (
            b"+CIPSSLCERT,1:%s\r\n+CIPSSLCERT,2:%s\r\n" % tuple(map(str.encode, shown)) + OK
        )

    at_desk(work, style=style)


def test_the_firmwares_words_for_an_empty_list() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert await desk.ask("AT+CIPSSLCERT?") == b"+CIPSSLCERT:no certs loaded\r\n" + OK

    at_desk(work, style=Style.FIRMWARE)


# the maximum


@pytest.mark.parametrize("style", Style)
def test_the_maximum(style: Style) -> None:
    def answered(number: int) -> bytes:
        return b"+CIPSSLCERTMAX:%d\r\nOK\r\n" % number

    async def work(desk: Desk) -> None:
        await fill(desk)
        assert await desk.ask("AT+CIPSSLCERTMAX?") == answered(5)
        for number in (1, 64, 2):
            set_ = await desk.ask(f"AT+CIPSSLCERTMAX={number}")
            assert set_ == (answered(number) if style is Style.README else OK)
            assert await desk.ask("AT+CIPSSLCERTMAX?") == answered(number)
        for wrong in ("", "0", "65", "-1", "x", "1,1"):
            assert await desk.refused(f"AT+CIPSSLCERTMAX={wrong}") == ERROR
        # below the number loaded it only stops new ones, and at the command
        full = b"Reached the maximum of 2 certificates\r\n" + ERROR
        assert await desk.refused("AT+CIPSSLCERT") == full
        assert (await desk.ask("AT+CIPSSLCERT?")).count(b"+CIPSSLCERT,") == 3
        for _ in range(2):
            assert await desk.refused("AT+CIPSSLCERT") == full
            await desk.ask("AT+CIPSSLCERT=DELETE,1")
        assert await upload(desk, TEXT) == read(TEXT) + OK
        assert desk.settings.stored.certificate_maximum == 2

    at_desk(work, style=style)


# what cannot be loaded


def test_the_same_twice() -> None:
    async def work(desk: Desk) -> None:
        await fill(desk)
        assert await upload(desk, TEXT) == (
            read(TEXT) + b"Tried to load already existing certificate\r\n" + ERROR
        )
        assert len(desk.certificates) == 3

    at_desk(work)


@pytest.mark.parametrize(
    "text",
    [
        END,
        b"nothing of the kind " + END,
        BEGIN + b"\n" + END,
        BEGIN + b"\nAAAA\n" + END,
        BEGIN + b"\n!!!!\n" + END,
        TEXT.replace(b"M", b"N", 1),
        TEXT[:200] + b"\n" + END,
        TEXT.removesuffix(END) + b"-----END CERT-----\n" + TEXT,
    ],
)
def test_bad_pem(text: bytes) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert await upload(desk, text) == (read(text) + b"Loading certificate failed\r\n" + ERROR)
        assert await desk.ask("AT") == OK
        assert len(desk.certificates) == 0
        assert await upload(desk, TEXT) == read(TEXT) + OK

    at_desk(work)


def padded(characters: int, line_end: bytes = b"\n") -> bytes:
    """A good certificate with so many characters, a line end counted as one."""
    spare = characters - len(TEXT)
    return (b"\n" * spare + TEXT).replace(b"\n", line_end)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\\n"])
def test_4096_characters_are_the_limit(line_end: bytes) -> None:
    longest, too_long = padded(4096, line_end), padded(4097, line_end)

    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert await upload(desk, longest) == read(longest) + OK
        assert await upload(desk, too_long + b"\r\n") == ERROR
        assert await desk.ask("AT") == OK
        assert len(desk.certificates) == 1

    at_desk(work)


@pytest.mark.parametrize("byte", [b"\x00", b"\x1b", b"\x7f", b"\xff"])
def test_a_byte_that_cannot_be_pem(byte: bytes) -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        assert await upload(desk, TEXT[:100] + byte + TEXT[100:] + b"\r\n") == ERROR
        assert await desk.ask("AT") == OK

    at_desk(work)


def test_a_megabyte_of_garbage() -> None:
    garbage = (b"garbage \n" * 120_000)[: 1 << 20]

    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask("AT+CIPSSLCERT", b">")
        for start in range(0, len(garbage), 4096):
            desk.type(garbage[start : start + 4096])
        assert desk.unread() == ERROR
        desk.type(END + b"\r\n")
        assert await desk.ask("AT") == OK
        assert desk.unread() == b""

    at_desk(work)


def test_garbage_without_an_end_is_over_after_a_second_of_silence() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        await desk.ask("AT+CIPSSLCERT", b">")
        desk.type(b"x" * 5000)
        assert desk.unread() == ERROR
        await asyncio.sleep(0.9)
        desk.type("AT\r\n")
        assert desk.unread() == b""
        await asyncio.sleep(1.01)
        assert await desk.ask("AT") == OK

    in_fake_time(work)


def test_a_certificate_that_does_not_come() -> None:
    async def work(desk: Desk) -> None:
        await desk.quiet()
        desk.patience = 60
        await desk.ask("AT+CIPSSLCERT", b">")
        await asyncio.sleep(19)
        desk.type(TEXT[:50])
        begun = asyncio.get_running_loop().time()
        assert await desk.expect(b"ERROR\r\n") == ERROR
        assert asyncio.get_running_loop().time() - begun == pytest.approx(20, abs=0.1)
        assert await desk.ask("AT") == OK
        assert len(desk.certificates) == 0

    in_fake_time(work)
