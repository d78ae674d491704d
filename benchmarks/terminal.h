/* A raw pseudo-terminal for the two C programs; they need _GNU_SOURCE before any header. */
#ifndef BENCHMARKS_TERMINAL_H
#define BENCHMARKS_TERMINAL_H

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* The master of a new pseudo-terminal, to which PATH leads from now on; -1 where that fails. */
static int open_terminal(const char *path)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return -1;
    /* Kept open: without it the read ends with EIO between two clients. */
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct termios settings;
    if (slave < 0 || tcgetattr(slave, &settings) != 0)
        return -1;
    cfmakeraw(&settings);
    if (tcsetattr(slave, TCSANOW, &settings) != 0 || symlink(ptsname(master), path) != 0)
        return -1;
    return master;
}

#endif
