"""Says what these files of a folder hold, as one JSON line: SHA-256, hex, by name.

    python3 -I - FOLDER NAME... < digests.py

What is no regular file or cannot be read is left out. The folder's time of change becomes now:
old ones are cleared out, and this one is in use.
"""

import hashlib
import json
import os
import sys

CHUNK_BYTES = 1 << 20


def main(folder, names):
    try:
        os.utime(folder)
    except OSError:
        pass  # it is not there yet, or is somebody else's
    found = {name: digest(os.path.join(folder, name)) for name in names}
    print(json.dumps({name: value for name, value in found.items() if value}))


def digest(path):
    """None where it cannot be told."""
    total = hashlib.sha256()
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
                total.update(chunk)
    except OSError:
        return None
    return total.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
