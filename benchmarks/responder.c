/*
 * The least that a module can take: answers AT, ATE0, AT+CIPRECVMODE=<n>, AT+CIPSEND=<n> and
 * AT+CIPRECVDATA=<n> with as many bytes as the gateway has for them, and does nothing else. What
 * a client measures against it is the client's and the kernel's share of a round. Once it has
 * been told AT+CIPSTART="TCP","127.0.0.1",<port>, what is sent goes there, as a module in C
 * would do it that does without all the rest.
 *
 * Usage: responder PATH, where PATH becomes a symbolic link to a pseudo-terminal, or
 * responder tcp:PORT, to serve one client at 127.0.0.1:PORT instead. Ends on SIGTERM.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "terminal.h"

enum { MAXIMUM = 2048 };

static const char ok[] = "\r\nOK\r\n";
static const char error[] = "\r\nERROR\r\n";
static const char connected[] = "CONNECT\r\n\r\nOK\r\n";
static const char prompt[] = "\r\nOK\r\n> ";

/* The link's socket; -1 without one, and then what is sent is thrown away. */
static int far_end = -1;

static void say(int descriptor, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, text, length);
        if (written <= 0)
            exit(1);
        text += written;
        length -= (size_t)written;
    }
}

/* What a link had received: so many bytes of no meaning, in one write with what is around them. */
static void received(int wire, unsigned length)
{
    char text[64 + MAXIMUM];
    size_t size = (size_t)sprintf(text, "\r\n+CIPRECVDATA,%u:", length);

    memset(text + size, 'x', length);
    memcpy(text + size + length, ok, sizeof ok - 1);
    say(wire, text, size + length + sizeof ok - 1);
}

/* A socket of 127.0.0.1:PORT that waits for nothing but the wire. */
static int local_socket(unsigned port, struct sockaddr_in *address)
{
    int at_once = 1, made = socket(AF_INET, SOCK_STREAM, 0);

    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = htons((unsigned short)port);
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    return made;
}

/* Opens the link, in place of one that there was. */
static int open_link(unsigned port)
{
    struct sockaddr_in address;
    int link = local_socket(port, &address);

    if (far_end >= 0)
        close(far_end);
    far_end = -1;
    if (link < 0)
        return -1;
    if (connect(link, (struct sockaddr *)&address, sizeof address) != 0) {
        close(link);
        return -1;
    }
    far_end = link;
    return 0;
}

/* The one client that comes to PORT, in place of a terminal. */
static int accept_client(unsigned port)
{
    struct sockaddr_in address;
    int again = 1, listener = local_socket(port, &address), client;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0)
        return -1;
    client = accept(listener, NULL, NULL);
    close(listener);
    return client;
}

/* Answers one command line; gives the number of payload bytes that it asked for. */
static size_t answer(int wire, const char *line)
{
    unsigned length;

    if (sscanf(line, "AT+CIPSEND=%u", &length) == 1 && length > 0 && length <= MAXIMUM) {
        say(wire, prompt, sizeof prompt - 1);
        return length;
    }
    if (sscanf(line, "AT+CIPSTART=\"TCP\",\"127.0.0.1\",%u", &length) == 1
        && open_link(length) == 0)
        say(wire, connected, sizeof connected - 1);
    else if (sscanf(line, "AT+CIPRECVDATA=%u", &length) == 1 && length <= MAXIMUM)
        received(wire, length);
    else if (strcmp(line, "AT\r\n") == 0 || strcmp(line, "ATE0\r\n") == 0
             || strncmp(line, "AT+CIPRECVMODE=", 15) == 0)
        say(wire, ok, sizeof ok - 1);
    else
        say(wire, error, sizeof error - 1);
    return 0;
}

static void payload_done(int wire, const char *payload, size_t length)
{
    char text[64];

    if (far_end >= 0)
        say(far_end, payload, length);
    int size = snprintf(text, sizeof text, "\r\nRecv %zu bytes\r\n\r\nSEND OK\r\n", length);

    say(wire, text, (size_t)size);
}

int main(int argc, char **argv)
{
    char bytes[4096], line[256], payload[MAXIMUM];
    unsigned port;
    size_t filled = 0, asked = 0, due = 0;
    ssize_t count;

    int wire = -1;
    /* A peer that is gone fails the write, which ends the program with a status. */
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && sscanf(argv[1], "tcp:%u", &port) == 1)
        wire = accept_client(port);
    else if (argc == 2)
        wire = open_terminal(argv[1]);
    if (wire < 0) {
        perror("responder");
        return 1;
    }
    while ((count = read(wire, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at < count;) {
            if (due > 0) {
                size_t take = (size_t)(count - at) < due ? (size_t)(count - at) : due;
                memcpy(payload + asked - due, bytes + at, take);
                at += (ssize_t)take;
                due -= take;
                if (due == 0)
                    payload_done(wire, payload, asked);
                continue;
            }
            char byte = bytes[at++];
            if (filled < sizeof line - 1)
                line[filled++] = byte;
            if (byte == '\n') {
                line[filled] = '\0';
                filled = 0;
                asked = due = answer(wire, line);
            }
        }
    }
    return 1;
}
