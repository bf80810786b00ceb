"""Makes folders the login user's own, and says what the files of one hold, as a JSON line.

    python3 -I - BASE FOLDERS NAME... < digests.py

FOLDERS is a JSON list of folders below BASE; the files are in the first. All are made where they
are not there, for this user alone. What lies in them is run and written as this user, so that
nobody else may be able to put anything there: BASE, FOLDERS and what is between belong to this
user, others may not write to them, and below BASE nothing is a link. On the way to BASE all belongs
to this user or to root, and others cannot replace it. What is above the home directory is taken for
right, as sshd takes it.

Prints ``{"digests": {NAME: SHA-256, hex}}``, without what is no regular file of this user's or
cannot be read, ``{"refused": why}``, or ``{"failed": why}`` where the system has let nothing be put
there. The first folder's time of change becomes now: old ones are cleared out, and this one is in
use.
"""

import hashlib
import json
import os
import shlex
import stat
import sys

CHUNK_BYTES = 1 << 20
MAX_LINKS = 40
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Refused(Exception):
    """Somebody else could put something there."""


def main(base, folders, names):
    os.umask(0o077)
    try:
        place = approach(base)
        owned = [descend(place, os.path.relpath(folder, base)) for folder in folders]
        touch(owned[0])
        found = {name: digest(os.path.join(owned[0], name)) for name in names}
    except Refused as problem:
        say({"refused": str(problem)})
    except OSError as problem:
        say({"failed": "{}: {}".format(problem.filename, problem.strerror)})
    else:
        say({"digests": {name: value for name, value in found.items() if value}})


def say(answer):
    print(json.dumps(answer))


def approach(base):
    """Where BASE is, links resolved, after all on the way was looked at."""
    place, rest, links = "/", steps(base), 0
    above = above_home()
    while rest:
        step = rest.pop(0)
        here = os.path.join(place, step)
        found = made(here)
        if here not in above:
            require_safe(here, found)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            target = os.readlink(here)
            rest = steps(target) + rest
            place = "/" if os.path.isabs(target) else place
        else:
            place = os.path.normpath(here)
        if links > MAX_LINKS:
            raise Refused("{} leads round in circles".format(base))
    require_own(place, os.lstat(place))
    return place


def descend(place, path):
    """A folder below it, which is reached through the user's own alone."""
    for step in steps(path):
        place = os.path.join(place, step)
        require_own(place, made(place))
    return place


def touch(folder):
    """Its time of change becomes now; the system does not name it where that fails."""
    try:
        os.utime(folder)
    except OSError as problem:
        problem.filename = folder
        raise


def steps(path):
    return [step for step in path.split("/") if step not in ("", ".")]


def above_home():
    """Folders that the home directory lies in."""
    found = set()
    for home in (os.path.expanduser("~"), os.path.realpath(os.path.expanduser("~"))):
        while home != os.path.dirname(home):
            home = os.path.dirname(home)
            found.add(home)
    return found


def made(path):
    """Its status; a folder where nothing was."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        pass
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass  # somebody was faster
    return os.lstat(path)


def require_safe(path, found):
    """Nobody but the user and root can replace it, nor a folder of theirs in it."""
    require_owner(path, found, (0, os.geteuid()))
    if not stat.S_ISLNK(found.st_mode):
        require_folder(path, found)
        if not found.st_mode & stat.S_ISVTX:
            require_closed(path, found)


def require_own(path, found):
    """Nobody but the user and root can put anything there."""
    require_owner(path, found, (os.geteuid(),))
    require_folder(path, found)
    require_closed(path, found)


def require_owner(path, found, users):
    if found.st_uid not in users:
        user = "{} belongs to user {}, not to {} who logs in"
        raise Refused(user.format(path, found.st_uid, os.geteuid()))


def require_folder(path, found):
    if not stat.S_ISDIR(found.st_mode):
        raise Refused("{} is no folder".format(path))


def require_closed(path, found):
    if found.st_mode & OTHERS_WRITE:
        mode = stat.S_IMODE(found.st_mode)
        words = (
            "others may write to {} (mode {:04o}); if none has put anything there: chmod go-w {}"
        )
        raise Refused(words.format(path, mode, shlex.quote(path)))


def digest(path):
    """None where it cannot be told."""
    total = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                return None
            for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
                total.update(chunk)
    except OSError:
        return None
    return total.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:])
