"""What this process may use of the computer, as one JSON line: processors and memory.

``cpus`` is a quota of processor time, as 1.5 of them, and ``cpus_of`` the group that has it; null
where there is none. ``memory_mb`` can be had at once.
"""

if __name__ == "__main__":
    import isolation  # noqa: F401

import json
import os

from sysfs import known, number, text

UNLIMITED_BYTES = 1 << 60


def main():
    quotas = quota_cpus()
    cpus, group = min(quotas) if quotas else (None, None)
    print(json.dumps({"cpus": cpus, "cpus_of": group, "memory_mb": memory_mb()}))


def groups(controller):
    """Folders of the control groups that this process is in, the innermost first."""
    own = dict(memberships())
    for unified, controllers, top, folder in hierarchies():
        name = "" if unified else controller
        if name not in own or not (unified or controller in controllers):
            continue
        # Inside a container the path begins at the host's root, which is not what is mounted.
        path = own[name] + "/"
        inside = path[len(top) :] if path.startswith(top + "/") else ""
        place = os.path.normpath(folder + "/" + inside).lstrip("/")
        while len(place) >= len(folder.lstrip("/")):
            yield unified, place
            place = os.path.dirname(place)


def memberships():
    """Controller and path; the controller of version 2 has no name."""
    for line in (text("proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def hierarchies():
    """Version 2 or not, controllers, path that is mounted, and where."""
    for line in (text("proc/self/mountinfo") or "").splitlines():
        words = line.split()
        kind = words[words.index("-") + 1]
        if kind in ("cgroup", "cgroup2"):
            yield kind == "cgroup2", words[-1].split(","), words[3].rstrip("/"), words[4]


def quota_cpus():
    """Processors' worth of time that each group may use, with its name."""
    found = []
    for unified, place in groups("cpu"):
        quota, period = quota_of(unified, place)
        if quota and period and quota > 0:
            found.append((quota / period, "/" + place))
    return found


def quota_of(unified, place):
    if not unified:
        return number(place + "/cpu.cfs_quota_us"), number(place + "/cpu.cfs_period_us")
    words = (text(place + "/cpu.max") or "max").split()
    return (None, None) if words[0] == "max" else (float(words[0]), float(words[1]))


def memory_mb():
    """The least of what the computer has left and what every group has."""
    left = known([available_bytes(), *map(left_bytes, groups("memory"))])
    return int(min(left)) >> 20 if left else None


def available_bytes():
    for line in (text("proc/meminfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return float(value.split()[0]) * 1024
    return None


def left_bytes(group):
    unified, place = group
    names = ("memory.max", "memory.current")
    if not unified:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    limit, used = (number(place + "/" + name) for name in names)
    if limit is None or used is None or limit > UNLIMITED_BYTES:
        return None
    return max(0.0, limit - used + cache_bytes(place))


def cache_bytes(place):
    """Of files, which makes room where memory is wanted."""
    for line in (text(place + "/memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return float(value)
    return 0.0


if __name__ == "__main__":
    main()
