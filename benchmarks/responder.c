/*
 * The least that a module can take: answers AT, ATE0, AT+CIPRECVMODE=<n>, AT+CIPSEND=<n> and
 * AT+CIPRECVDATA=<n> on a pseudo-terminal with as many bytes as the gateway has for them, and
 * does nothing else. What a client measures against it is the client's and the kernel's share
 * of a round.
 *
 * Usage: responder PATH, where PATH becomes a symbolic link to the terminal. Ends on SIGTERM.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"

enum { MAXIMUM = 2048 };

static const char ok[] = "\r\nOK\r\n";
static const char error[] = "\r\nERROR\r\n";
static const char prompt[] = "\r\nOK\r\n> ";

static void say(int master, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(master, text, length);
        if (written <= 0)
            exit(1);
        text += written;
        length -= (size_t)written;
    }
}

/* What a link had received: so many bytes of no meaning, in one write with what is around them. */
static void received(int master, unsigned length)
{
    char text[64 + MAXIMUM];
    size_t size = (size_t)sprintf(text, "\r\n+CIPRECVDATA,%u:", length);

    memset(text + size, 'x', length);
    memcpy(text + size + length, ok, sizeof ok - 1);
    say(master, text, size + length + sizeof ok - 1);
}

/* Answers one command line; gives the number of payload bytes that it asked for. */
static size_t answer(int master, const char *line)
{
    unsigned length;

    if (sscanf(line, "AT+CIPSEND=%u", &length) == 1 && length > 0) {
        say(master, prompt, sizeof prompt - 1);
        return length;
    }
    if (sscanf(line, "AT+CIPRECVDATA=%u", &length) == 1 && length <= MAXIMUM)
        received(master, length);
    else if (strcmp(line, "AT\r\n") == 0 || strcmp(line, "ATE0\r\n") == 0
             || strncmp(line, "AT+CIPRECVMODE=", 15) == 0)
        say(master, ok, sizeof ok - 1);
    else
        say(master, error, sizeof error - 1);
    return 0;
}

static void payload_done(int master, size_t length)
{
    char text[64];
    int size = snprintf(text, sizeof text, "\r\nRecv %zu bytes\r\n\r\nSEND OK\r\n", length);

    say(master, text, (size_t)size);
}

int main(int argc, char **argv)
{
    char bytes[4096], line[256];
    size_t filled = 0, asked = 0, due = 0;
    ssize_t count;

    int master = argc == 2 ? open_terminal(argv[1]) : -1;
    if (master < 0) {
        perror("responder");
        return 1;
    }
    while ((count = read(master, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at < count;) {
            if (due > 0) {
                size_t take = (size_t)(count - at) < due ? (size_t)(count - at) : due;
                at += (ssize_t)take;
                due -= take;
                if (due == 0)
                    payload_done(master, asked);
                continue;
            }
            char byte = bytes[at++];
            if (filled < sizeof line - 1)
                line[filled++] = byte;
            if (byte == '\n') {
                line[filled] = '\0';
                filled = 0;
                asked = due = answer(master, line);
            }
        }
    }
    return 1;
}
