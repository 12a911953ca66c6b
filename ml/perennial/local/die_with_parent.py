"""Runs a command that gets a signal when its parent dies. A script of its own, imported by nobody.

`python -I -S die_with_parent.py PARENT SIGNAL USER SESSION COMMAND...`: PARENT is the pid that must still be the parent, USER is
`-` or the user id to become, SESSION is `new` or `same`. PostgreSQL refuses to run as root, so root becomes USER and
keeps one right, to pass directories that are closed to others (capabilities(7), "Ambient").
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_CAP_AMBIENT = 1, 8, 28, 47
PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, CAPABILITY_VERSION_3 = 2, 1, 0x20080522
SECBIT_NO_SETUID_FIXUP = 4

libc = ctypes.CDLL(None, use_errno=True)


def become(user: int) -> None:
    """Take the user's id and group; keep the right to pass closed directories where the kernel allows it."""
    libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)  # else access(2), which initdb asks, forgets the right
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    mask = 1 << CAP_DAC_OVERRIDE
    if libc.capset(header, (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def run(parent: int, number: int, user: str, session: str, command: list[str]) -> None:
    """Replace this process by the command; the kernel forgets the wish when the user changes, so it comes last."""
    if session == "new":
        os.setsid()
    if user != "-":
        become(int(user))
    libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        sys.exit(128 + signal.SIGTERM)
    os.execvp(command[0], command)  # noqa: S606 - the command comes from perennial.local alone


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
