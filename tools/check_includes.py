#!/usr/bin/env python3
"""Holds every #include of src/ and apps/ against the dependencies that the rooms declare in CMake.

A room may include itself and what its nibble_room(... DEPENDS ...) names, directly or through others; a declared dependency
must lead to a lower rank, and third-party headers belong to the rooms listed below. With --picture the measured
dependencies are printed as the table that ARCHITECTURE.md shows, and --check FILE fails where FILE shows another one.
"""

import argparse
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent

RANK = {"base": 0, "numerics": 1, "checkpoint": 2, "text": 2, "kernels": 2, "model": 3, "quantize": 4, "convert": 4,
        "engine": 4, "evaluate": 5, "server": 5, "apps": 6}

# Who owns which library; std and POSIX headers are free to all.
THIRD_PARTY = {"boost/": {"base"}, "fmt/": set(RANK) - {"numerics"}, "CLI/": {"apps"}, "pcre2": {"text"},
               "utf8proc": {"text"}, "toml++/": {"quantize"}, "hwy/": {"kernels"}}

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
ROOM = re.compile(r"nibble_room\((\w+)(.*?)\)", re.S)


def declared_dependencies():
    """{room: set of rooms} as written in the CMakeLists.txt of each room; the program may use every room."""
    declared = {}
    for path in sorted(TOP.glob("src/*/CMakeLists.txt")):
        for name, body in ROOM.findall(path.read_text()):
            depends = body.split("DEPENDS", 1)[1].split() if "DEPENDS" in body else []
            stop = next((i for i, word in enumerate(depends) if word in ("PRIVATE", "SOURCES")), len(depends))
            declared[name] = set(depends[:stop])
    declared["apps"] = set(declared)
    return declared


def closure(declared, room):
    """All rooms that `room` may use: what it declares, and what those declare."""
    reached, pending = set(), [room]
    while pending:
        for other in declared.get(pending.pop(), ()):
            if other not in reached:
                reached.add(other)
                pending.append(other)
    return reached


def measured_includes(declared):
    """Yields (file, room, included room or None, header)."""
    roots = [(TOP / "src" / room, room) for room in declared if room != "apps"] + [(TOP / "apps", "apps")]
    for root, room in roots:
        for path in sorted(root.rglob("*")):
            if path.suffix in (".h", ".cc", ".inc"):
                for own, system in INCLUDE.findall(path.read_text()):
                    header = own or system
                    first = header.split("/", 1)[0]
                    yield path, room, first if own and first in RANK else None, header


def find_faults(declared, includes):
    for room, depends in declared.items():
        for other in sorted(depends):
            if room != "apps" and RANK[other] >= RANK[room]:
                yield f"src/{room}/CMakeLists.txt: '{room}' (rank {RANK[room]}) depends on '{other}' (rank {RANK[other]})"
    for path, room, other, header in includes:
        where = path.relative_to(TOP)
        if other and other != room and other not in closure(declared, room):
            yield f"{where}: includes {header}, but '{room}' does not declare '{other}'"
        if not other:
            for prefix, owners in THIRD_PARTY.items():
                if header.startswith(prefix) and room not in owners:
                    yield f"{where}: <{header}> belongs to {', '.join(sorted(owners))}"


def picture(declared, includes):
    """The measured dependencies, a line a room in order of rank."""
    used = {room: set() for room in declared}
    for _, room, other, _ in includes:
        if other and other != room:
            used[room].add(other)
    order = list(RANK)
    lines = ["| rank | room | includes |", "|---|---|---|"]
    for room in sorted(declared, key=order.index):
        names = sorted(used[room], key=order.index)
        lines.append(f"| {RANK[room]} | `{room}` | {', '.join(names) or 'nothing of ours'} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", action="store_true", help="print the table of measured dependencies")
    parser.add_argument("--check", type=pathlib.Path, help="a document that must contain that very table")
    arguments = parser.parse_args()

    declared = declared_dependencies()
    includes = list(measured_includes(declared))
    faults = list(find_faults(declared, includes))
    table = picture(declared, includes)
    if arguments.picture:
        print(table)
    if arguments.check and table not in arguments.check.read_text():
        faults.append(f"{arguments.check}: the table of rooms is not the measured one; paste the output of --picture")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
