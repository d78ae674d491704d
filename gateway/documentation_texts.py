"""What docs/commands.md says beside the command table: the line's rules, and the differences.

`DIFFERENCES` has one entry for each command that behaves otherwise than the ESP_ATMod 0.5.0
firmware or its README. A command without an entry behaves as they do.
"""

from __future__ import annotations

from collections.abc import Mapping

INTRODUCTION = """\
# The AT commands

Written by `make docs` from the command table of `gateway/commands/`: do not edit it here. The
sections have the numbers that docstrings mean by "contract, section 6".

A word on how to read the tables. `[_CUR/_DEF]` stands for three spellings: the one with
`_CUR`, the one with `_DEF`, and the one with neither (section 1). Arguments that stand in
brackets may be left out; one in the middle is left out by an empty field. Where the last column
is empty, the command does what ESP_ATMod's README and Espressif's documentation for AT 1.7 say;
round brackets in it hold what the firmware does, where that has its place in the sentence.
[compatibility.md](compatibility.md) tells the reasons, and what the gateway does where the
documents say nothing.
"""

THE_LINE = """\
## 1. The line

- The line starts at 115200 baud, 8 data bits, no parity, 1 stop bit, or with what
  `AT+UART_DEF` has stored. A pseudo-terminal is raw and does not echo by itself.
- A command is `AT…` and ends with CR LF. A bare LF, lower case, a space, an unknown name, an
  argument too many, an empty line: `ERROR`. At most 256 bytes stand before the CR LF; a longer
  line is swallowed up to its LF, answered by one `ERROR`, and not carried out.
- Echo is on at start: each byte of a command line comes back as it arrives. Payload and
  certificates are never echoed.
- Numbers are decimal. What does not fit the range is `ERROR`. Strings stand in double quotes.
  In an SSID, a password and the name of a time server `\\` before `"`, `,` or `\\` is
  dropped; before anything else it stands for itself. Hosts of `AT+CIPSTART`, `AT+CIPDOMAIN` and
  `AT+CIPSSLMFLN` are taken as they are.
- One command runs at a time. A line that comes meanwhile is dropped and answered
  `busy p...`, or `busy s...` between `Recv` and `SEND OK`. `AT+RST` is obeyed at any time but
  within payload: the command that runs ends without a reply.
- A lone `?` within 100 ms after the reply of a command that took 0.9 s or more, or after
  `ready`, is dropped in silence. WiFiEspAT sends one after a second of silence, and would
  take the `ERROR` for its next command's.
- `_CUR` reads and sets what is in force, until a reset. `_DEF` reads and sets what is stored,
  and what it sets is in force too. Without a suffix a query reads as `_CUR`, a set acts as
  `_DEF`. The reply repeats the name as it was asked. Stored besides: `AT+CWAUTOCONN` and
  `AT+CIPSSLCERTMAX`.
- After a start and a reset: echo 1, CIPMUX 0, CIPMODE 0, CIPDINFO 0, CIPRECVMODE 0,
  CIPSERVERMAXCONN 5, CIPSTO 180, CWLAPOPT 0,2047,-100, CIPSSLAUTH 0, CIPSSLSIZE 16384, no
  fingerprint, SYSCPUFREQ 80, RFMODE 3, SNTP on with zone 0. From the factory: CWMODE 1,
  CWAUTOCONN 1, CWDHCP 7, CIPSSLCERTMAX 5, UART 115200,8,1,0,0.

Otherwise than the firmware: it takes 200 bytes a line and answers a longer one by an `ERROR` for
each 201; its numbers wrap at 32 bits; after each reply it throws away what has come already, up
to the next `A`; and after `Link type ERROR`, `IP ERROR` of CIPSTART, `ALREADY CONNECTED`,
`SIZE ERROR` and `HOSTNAME ERROR` it writes one line end more.
"""

NOTES: Mapping[str, str] = {
    "Wi-Fi station": (
        "Written unasked: `WIFI CONNECTED`, `WIFI GOT IP`, `WIFI DISCONNECT`. The firmware writes "
        "the reason's number behind `WIFI DISCONNECT`; Espressif's and this one do not. A network "
        "that the Pi's owner has joined counts as joined until a command asks for another."
    ),
    "SoftAP": (
        "All but `AT+CIPAPMAC` are `ERROR` in mode 1. In mode 3 the SoftAP takes a second "
        "interface on the radio, `ap0`; where there is none, `AT+CWSAP` is `ERROR`, and with it "
        "set `AT+CWMODE=3` is. Clients reach the Pi, and nothing behind it unless the "
        "configuration says so."
    ),
    "Ethernet": (
        "Written unasked: `+ETH_CONNECTED`, `+ETH_DISCONNECTED`, `+ETH_GOT_IP:<ip>` (the firmware: "
        '`+ETH_GOT_IP="<ip>"`). Without an Ethernet interface they are all `ERROR`.'
    ),
    "Links, servers and time": (
        "Written unasked, `<id>,` with `AT+CIPMUX=1` only: `<id>,CONNECT` of a server's client, "
        "`<id>,CLOSED` behind all of a link's data, `+IPD,<id>,<n>:` with data, "
        "`+IPD,<id>,<n>` for data that waits in passive mode. None of them stands within a "
        "message, within +IPD data, or between the prompt of `AT+CIPSEND` and its `SEND OK`, "
        "as they may in the firmware."
    ),
    "TLS": (
        "TLS 1.2 and 1.3 with the system's OpenSSL; every link may be TLS at every size. "
        "`AT+CIPSSLAUTH=2` trusts every loaded certificate for itself, root or not, and checks "
        "dates and host name."
    ),
}
"""What a section says above its table."""

MEANINGS: Mapping[str, str] = {
    "baud": "bits a second",
    "stopbits": "1 is 1, 2 is 1.5, 3 is 2",
    "parity": "0 none, 1 odd, 2 even",
    "flow control": "0 none, 2 and 3 RTS/CTS",
    "AT+RFMODE mode": "1 802.11b, 2 g, 3 n",
    "pci": "ignored",
    "AT+CWLAPOPT mask": "1 encryption, 2 SSID, 4 RSSI, 8 BSSID, 16 channel, 32 and 64 frequency, "
    "128 pairwise, 256 group, 512 b/g/n, 1024 WPS",
    "least RSSI": "dBm",
    "encryption mask": "bit n for encryption n",
    "ecn": "0 open, 3 WPA2, 2 and 4 WPA as well",
    "keep alive": "seconds, 0 none",
    "zone": "hours",
}
"""What an argument's values mean, by its label, or by command and label."""

DIFFERENCES: Mapping[str, str] = {
    "AT+RST": "Obeyed while another command runs, too. The process goes on, the effect is the "
    "same.",
    "AT+GMR": "Names the gateway, its date and the system it runs on; no line for the Arduino "
    "core.",
    "AT+RESTORE": "Forgets the access point's name and password as well; the firmware keeps them. "
    "The certificates folder stays, and so do the networks that the Pi's owner has set up.",
    "AT+UART": "Up to 4000000 baud (921600). Flow control 2 and 3 are RTS/CTS "
    "(`NOT IMPLEMENTED`). What the device refuses is `ERROR` and changes nothing; a "
    "pseudo-terminal remembers it only.",
    "AT+SYSRAM": "Bytes available on the host, and the least there was; the firmware writes one "
    "number.",
    "AT+SYSCPUFREQ": "Remembered until a reset; the host's clock is not touched. The answer has "
    "`=` as in the README (`:`).",
    "AT+RFMODE": "Remembered until a reset; the radio is not touched. The answer has `=` as in the "
    "README (`:`).",
    "AT+CWJAP": "Ends within 18 s; the firmware is busy for ever where there is no DHCP, or with "
    "an SSID over 32 bytes, which is `ERROR` here. So is a password that WPA cannot take. WPA3 as "
    "well; no WEP. An empty line before `FAIL`. All three queries answer the access point that is "
    "joined.",
    "AT+CWLAP": "As Espressif documents it: quotes, CR LF, Espressif's numbers for encryption. The "
    "firmware has no quotes, LF alone, Arduino's numbers, and no filters.",
    "AT+CWDHCP": "0 is the SoftAP, 1 the station, as in the firmware and in AT 1.7; the README's "
    "text swaps them. The SoftAP's can be switched off, the README has it always on.",
    "AT+CIPSTAMAC": "Can be set (`NOT IMPLEMENTED`); joins again for it. Lower case.",
    "AT+CIPSTA": "`0.0.0.0` is `ERROR`; `AT+CWDHCP=1,1` goes back to DHCP.",
    "AT+CIPDNS": "0 takes DHCP's servers; the firmware takes 64.6.64.6. Those that are set are the "
    "whole Pi's, on Wi-Fi and cable.",
    "AT+CWHOSTNAME": "Letters, digits and inner hyphens (RFC 1123); the firmware takes `bad_host` "
    "and `end-`.",
    "AT+CWSAP": "`<ecn>` counts: 3 is WPA2, 2 and 4 allow WPA too, an empty password is open (the "
    "README has it unused and always WPA/WPA2). Up to 8 clients (4) can be asked for, and "
    "NetworkManager does not limit them. Beside a station the channel is the station's. Nothing is "
    "on the air until this has been set: the factory's SoftAP would be an open network.",
    "AT+CIPAPMAC": "Can be set (`NOT IMPLEMENTED`). Lower case.",
    "AT+CIPAP": "`_DEF?` answers under its own name, stored or not; the firmware writes "
    "`+CIPSTA_DEF`. `0.0.0.0` is `ERROR`.",
    "AT+CIPETHMAC": "Lower case; `_DEF` is really stored.",
    "AT+CEHOSTNAME": "As `AT+CWHOSTNAME`.",
    "AT+CIPSTATUS": "4 holds until the next link, join or reset (for ever). The last field is 1 "
    "for a link that a server accepted (0). A link closed by its peer is listed while it has "
    "unread data.",
    "AT+CIPDOMAIN": "Lines that come meanwhile are `busy p...`; the firmware queues them.",
    "AT+CIPSTART": "Lookup, connection and handshake end within 4.5 s together, which can be set "
    "(5 s each, 15 s for TLS). Lines that come meanwhile are `busy p...` (queued). Five TLS links "
    "at any size. `CLOSED` follows `connect fail` and `DNS Fail` only with `AT+CIPMUX=0`, and "
    "never a bare `ERROR`.",
    "AT+CIPSEND": "The prompt begins with an empty line. Payload that comes together with the "
    "command is kept. If the link closes before the payload, its bytes are taken all the same, and "
    "the answer is `SEND FAIL`; the firmware reads them as commands. After 10 s without a byte: "
    "`SEND FAIL`. 0 bytes: `ERROR`. Alone it passes through until `+++`, which the firmware lacks.",
    "AT+CIPMODE": "The firmware lacks it.",
    "AT+CIFSR": "Spelt right (`+CISFR:STAIP`), and with the SoftAP's and Ethernet's lines.",
    "AT+CIPMUX": "The value in force is `OK` even with a link or a server (`ERROR`).",
    "AT+CIPRECVMODE": "To 0, what waits is handed over at once; the firmware waits for more.",
    "AT+CIPRECVDATA": "0 bytes: `ERROR` (all that waits).",
    "AT+CIPSERVER": "`no change` for a port that runs already, as the firmware and not the README, "
    "and for a sixth server, as the README and not the firmware. Port 0 is `ERROR`.",
    "AT+CIPSNTPCFG": "The time is the host's; systemd-timesyncd asks the servers, where that keeps "
    "the clock. Zones -11 to 13 only.",
    "AT+CIPSNTPTIME": "CR LF at its end (LF alone).",
    "AT+SNTPTIME": "The date's fields are right; the firmware shifts them.",
    "AT+SYSTIME": "As in the README; the firmware lacks it.",
    "AT+CIPSSLSIZE": "Can be asked. At 16384 no Maximum Fragment Length is offered; the firmware "
    "always asks for 512. Larger records are read all the same (the link closes).",
    "AT+CIPSSLAUTH": "The answer has `=` as in the README (`:`).",
    "AT+CIPSSLFP": "SHA-256 as well. Answered in upper case as in the README (lower case).",
    "AT+CIPSSLCERTMAX": "1 to 64, and stored. A set answers the number, as in the README (`OK` "
    "alone).",
    "AT+CIPSSLCERT": "Lists the subject's common name; README and firmware the issuer's. A "
    "certificate that cannot be read ends the loading (the firmware swallows commands from there "
    "on), and so do 20 s without a byte. A bad file in the folder is skipped and logged (no "
    "`ready`). Nothing loaded: `no cert`, `ERROR`, as in the README "
    "(`no certs loaded`, `OK`).",
    "AT+CIPSSLMFLN": "Ends within `AT+CIPSTART`'s time. An unreachable server is `FALSE`.",
    "AT+CIPSSLSTA": "0 for a link opened at 16384, where nothing is offered (the README has 1).",
}
"""By the command's name, without `_CUR` and `_DEF`."""
