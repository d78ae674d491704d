"""What a microcontroller asks beside its links: queries, scans, certificates, mistakes."""

from __future__ import annotations

import random
from collections import Counter

from tests.endurance.soak.links import Links
from tests.endurance.soak.slots import SLOTS
from tests.endurance.soak.streams import Wrong

_QUERIES = (
    "AT AT+GMR AT+CIPSTATUS AT+CIFSR AT+CIPMUX? AT+CIPMODE? AT+CIPDINFO? AT+CIPRECVMODE? "
    "AT+CIPSERVERMAXCONN? AT+CIPSTO? AT+SYSRAM? AT+SYSCPUFREQ? AT+RFMODE? AT+CIPSSLAUTH? "
    "AT+CIPSSLSIZE? AT+CIPSSLCERTMAX? AT+CIPSSLCERT? AT+CWMODE? AT+CWMODE_DEF? AT+CWJAP? "
    "AT+CWDHCP? AT+CWAUTOCONN? AT+CWHOSTNAME? AT+CIPETH? AT+CIPETHMAC? AT+CEHOSTNAME? "
    "AT+CIPDNS? AT+CIPSNTPCFG? AT+CIPSNTPTIME? AT+UART? AT+UART_DEF? AT+CIPSSLSTA=0"
).split()
_MAY_BE_REFUSED = ("AT+CIPSSL", "AT+CW", "AT+CIPDNS", "AT+CIPETH", "AT+CEHOSTNAME")
"""Rightly: without a certificate, a TLS link, Wi-Fi, or, while NetworkManager is away, Ethernet."""
_MISTAKES = (
    "at",
    "AT+",
    "AT+NONSENSE=1",
    "AT+CIPMUX=7",
    "AT+CIPSEND=0,0",
    "AT+CIPSEND=0,2049",
    "AT+CIPSTART=0",
    'AT+CIPSTART=0,"UDP","127.0.0.1",9',
    "AT+CIPRECVDATA=9,1",
    "AT+CIPSERVER=7",
    "AT+CWJAP=",
    'AT+CWJAP="never stored',
    "x" * 400,
)


class Bystander:
    """Does one thing at a time that no link should notice.

    `wifi`: there is a network to scan for and to join. `chain`: links may be authenticated by
    chain. `pem` is a certificate of no use.
    """

    def __init__(
        self, links: Links, chance: random.Random, pem: bytes, *, wifi: bool, chain: bool
    ) -> None:
        self.done: Counter[str] = Counter()
        self._links = links
        self._chance = chance
        self._pem = pem
        self._wifi = wifi
        self._authentication = (0, 0, 2) if chain else (0,)

    async def act(self) -> None:
        """Do something. Raises Wrong."""
        actions = {
            self._query: 12,
            self._mistake: 4,
            self._waiting: 3,
            self._nag: 2,
            self._settings: 3,
            self._certificate: 2,
            self._look_away: 0.7,
            self._scan: 1,
            self._resolve: 1,
        }
        action = self._chance.choices(list(actions), list(actions.values()))[0]
        self.done[action.__name__.strip("_").replace("_", " ")] += 1
        await action()

    async def _query(self) -> None:
        line = self._chance.choice(_QUERIES)
        reply = await self._links.mcu.ask(line)
        if not reply.ok and not line.startswith(_MAY_BE_REFUSED):
            raise Wrong(f"{line}: {reply}")

    async def _mistake(self) -> None:
        line = self._chance.choice(_MISTAKES)
        reply = await self._links.mcu.ask(line)
        if reply.final != "ERROR":
            raise Wrong(f"{line[:40]}: {reply}")

    async def _waiting(self) -> None:
        """The gateway counts at least what it has told of."""
        least: list[int] = []

        def line() -> str:
            links = [self._links[slot] for slot in range(SLOTS)]
            least.extend(link.waiting if link and self._links.passive else 0 for link in links)
            return "AT+CIPRECVLEN?"

        reply = await self._links.mcu.ask_then(line)
        assert reply is not None
        counts = [int(each) for each in reply.lines[0].partition(":")[2].split(",")]
        left = [self._links[slot] is None for slot in range(SLOTS)]
        for count, at_least, gone in zip(counts, least, left, strict=True):
            if count < at_least and not gone and self._links.passive:
                raise Wrong(f"AT+CIPRECVLEN?: {reply}, and {least} had been told of")

    async def _nag(self) -> None:
        """Type again before the answer: each line has one of its own."""
        reply = await self._links.mcu.ask("AT+CWLAP\nAT" if self._wifi else "AT+GMR\nAT", 2)
        if reply.finals[0] not in ("OK", "busy p...") or len(reply.finals) != 2:
            raise Wrong(f"two lines at once: {reply}")

    async def _settings(self) -> None:
        """Settings that are not to disturb anything."""
        line = self._chance.choice(
            (
                f"AT+CIPDINFO={self._chance.randint(0, 1)}",
                f"AT+CIPSTO={self._chance.randint(600, 7200)}",
                f"AT+CIPSSLSIZE={self._chance.choice((512, 1024, 2048, 4096, 16384))}",
                f"AT+CWLAPOPT={self._chance.randint(0, 1)},{self._chance.randint(1, 2047)}",
                f"AT+CIPSNTPCFG=1,{self._chance.randint(-11, 13)}",
                "AT+UART_CUR=921600,8,1,0,0",
                f"AT+CIPSSLAUTH={self._chance.choice(self._authentication)}",
                f"AT+CIPSSLAUTH={self._chance.choice(self._authentication)}",
            )
        )
        reply = await self._links.mcu.ask(line)
        if not reply.ok:
            raise Wrong(f"{line}: {reply}")

    async def _certificate(self) -> None:
        """Load one, or delete it again; the folder's stays the first."""
        links = self._links
        if self._chance.random() < 0.5:
            cut = self._chance.randrange(len(self._pem))
            reply = await links.mcu.send(
                lambda: "AT+CIPSSLCERT", lambda: [self._pem[:cut], self._pem[cut:]]
            )
            expected = "already existing"
        else:
            reply = await links.mcu.ask("AT+CIPSSLCERT=DELETE,2")
            expected = "no certificate"
        assert reply is not None
        if not reply.ok and expected not in str(reply):
            raise Wrong(f"AT+CIPSSLCERT: {reply}")

    async def _look_away(self) -> None:
        """A microcontroller that does not read for a while."""
        await self._links.mcu.look_away(self._chance.random() * 0.7)

    async def _scan(self) -> None:
        reply = await self._links.mcu.ask("AT+CWLAP")
        if self._wifi and not reply.ok:
            raise Wrong(f"AT+CWLAP: {reply}")

    async def _resolve(self) -> None:
        reply = await self._links.mcu.ask('AT+CIPDOMAIN="localhost"')
        if reply.final not in ("OK", "ERROR"):
            raise Wrong(f"AT+CIPDOMAIN: {reply}")
