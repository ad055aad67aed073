#!/usr/bin/env python3
"""Judges a running server by transcripts: `oracle.py HOST:PORT FILE.. [--resp 2|3] [--record]`.

The format is told in README.md beside this file. Standard library only. The exit status is 0 when every reply was as
written, 1 when one was not.
"""

import argparse
import re
import socket
import sys

ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}


class Typed:
    """A RESP3 value that RESP2 has no type for."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value


class Status(bytes):
    """A simple string."""


class Failure(bytes):
    """An error reply."""


class Connection:
    """A client of one server, speaking RESP2 or RESP3."""

    def __init__(self, address, protocol):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.stream = self.socket.makefile("rb")
        if protocol == 3:
            self.call([b"HELLO", b"3"])

    def call(self, args):
        request = b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)
        self.socket.sendall(request)
        return self.read()

    def read(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the server closed the connection")
        marker, rest = line[:1], line[1:-2]
        if marker == b"+":
            return Status(rest)
        if marker == b"-":
            return Failure(rest)
        if marker == b":":
            return int(rest)
        if marker in b"$=":
            return self.read_bulk(marker, int(rest))
        if marker in b"*~>":
            count = int(rest)
            items = None if count < 0 else [self.read() for _ in range(count)]
            return items if marker == b"*" else Typed(marker.decode(), items)
        if marker == b"%":
            return Typed("%", [self.read() for _ in range(2 * int(rest))])
        if marker == b"_":
            return None
        if marker in b",#(":
            return Typed(marker.decode(), rest)
        raise ValueError(f"unknown marker in {line!r}")

    def read_bulk(self, marker, length):
        if length < 0:
            return None
        body = self.stream.read(length + 2)[:-2]
        return body if marker == b"$" else body[4:]


def quoted(text):
    """A byte string as redis-cli prints it."""
    names = {10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b", 34: '\\"', 92: "\\\\"}
    return '"' + "".join(names.get(b, chr(b) if 32 <= b < 127 else f"\\x{b:02x}") for b in text) + '"'


def flattened(reply):
    """What RESP2 would have said."""
    if isinstance(reply, list):
        return [flattened(item) for item in reply]
    if isinstance(reply, Typed):
        if reply.kind == "#":
            return int(reply.value == b"t")
        return flattened(reply.value)
    return reply


def lines(reply):
    """A reply as lines of text."""
    if reply is None:
        return ["(nil)"]
    if isinstance(reply, Status):
        return [reply.decode("latin1")]
    if isinstance(reply, Failure):
        return ["(error) " + reply.decode("latin1")]
    if isinstance(reply, int):
        return [f"(integer) {reply}"]
    if isinstance(reply, bytes):
        return [quoted(reply)]
    if isinstance(reply, list):
        return numbered(reply, ")", "(empty array)")
    if reply.kind == "%":
        return pairs(reply.value)
    if reply.kind == "~":
        return numbered(reply.value, "~", "(empty set)")
    if reply.kind == ">":
        return numbered(reply.value, ">", "(empty push)")
    names = {",": "(double) ", "(": "(big number) ", "#": ""}
    text = reply.value.decode()
    return [names[reply.kind] + ({"t": "(true)", "f": "(false)"}[text] if reply.kind == "#" else text)]


def numbered(items, mark, empty):
    if not items:
        return [empty]
    width = len(str(len(items)))
    out = []
    for number, item in enumerate(items, 1):
        head = f"{number:>{width}}{mark} "
        inner = lines(item)
        out.append(head + inner[0])
        out += [" " * len(head) + line for line in inner[1:]]
    return out


def pairs(items):
    if not items:
        return ["(empty hash)"]
    width = len(str(len(items) // 2))
    out = []
    for number in range(0, len(items), 2):
        head = f"{number // 2 + 1:>{width}}# "
        out += [head + lines(items[number])[0] + " =>"] if len(lines(items[number + 1])) > 1 else []
        value = lines(items[number + 1])
        if len(value) == 1:
            out.append(head + lines(items[number])[0] + " => " + value[0])
        else:
            out += [" " * len(head) + line for line in value]
    return out


def words(line):
    """Splits a command into its words."""
    out, at = [], 0
    while at < len(line):
        if line[at] == " ":
            at += 1
            continue
        word, at = word_at(line, at)
        out.append(word)
    return out


def word_at(line, at):
    word = b""
    while at < len(line) and line[at] != " ":
        if line[at] == '"':
            piece, at = quoted_at(line, at + 1)
            word += piece
        elif repeat := re.compile(r"\{([^{}*]+)\*(\d+)\}").match(line, at):
            word += repeat[1].encode() * int(repeat[2])
            at = repeat.end()
        else:
            word += line[at].encode()
            at += 1
    return word, at


def quoted_at(line, at):
    piece = b""
    while line[at] != '"':
        if line[at] == "\\" and line[at + 1] == "x":
            piece += bytes([int(line[at + 2 : at + 4], 16)])
            at += 4
        elif line[at] == "\\":
            piece += ESCAPES.get(line[at + 1], line[at + 1].encode())
            at += 2
        else:
            piece += line[at].encode()
            at += 1
    return piece, at + 1


class Server:
    """What the server says it is."""

    def __init__(self, connection):
        info = connection.call([b"INFO", b"server"])
        text = (info.value if isinstance(info, Typed) else info).decode()
        fields = dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
        self.name = next((n for n in ("rustypotato", "valkey") if f"{n}_version" in fields), "redis")
        self.version = number(fields[f"{self.name}_version"])

    def knows(self, peers):
        """Whether a section with this `@` line is for the server."""
        if self.name == "rustypotato":
            return True
        for peer in peers.split(","):
            name, _, version = peer.strip().partition(" ")
            if name == self.name and self.version >= number(version):
                return True
        return False


def number(version):
    return tuple(int(part) for part in re.findall(r"\d+", version))


def agrees(expected, got):
    if expected == ["(same)"]:
        return True
    if len(expected) != len(got):
        return False
    return all(re.fullmatch(e[2:], g) if e.startswith("~ ") else e == g for e, g in zip(expected, got))


class Judge:
    """Reads one transcript and compares, or records."""

    def __init__(self, connection, server, protocol, record):
        self.connection, self.server, self.protocol, self.record = connection, server, protocol, record
        self.judged = self.failed = 0

    def run(self, path):
        text = open(path, encoding="utf-8").read().split("\n")
        out, at, active = [], 0, True
        while at < len(text):
            line = text[at]
            out.append(line)
            at += 1
            if line.startswith("=="):
                active = True
                self.connection.call([b"FLUSHALL"])
                self.connection.call([b"SELECT", b"0"])
            elif line.startswith("@"):
                active = self.server.knows(line[1:])
            elif line.startswith(("> ", "2> ", "3> ")):
                first = at
                while at < len(text) and text[at] and not text[at].startswith(("> ", "2> ", "3> ", "==", "#")):
                    at += 1
                out += self.step(f"{path}:{first}", line, text[first:at], active)
        if self.record:
            open(path, "w", encoding="utf-8").write("\n".join(out))

    def step(self, place, line, expected, active):
        raw = line[0] in "23"
        if not active or (raw and self.protocol != int(line[0])):
            return expected
        reply = self.connection.call(words(line.split("> ", 1)[1]))
        got = lines(reply if raw else flattened(reply))
        if self.record and not expected:
            return got
        self.judged += 1
        if not agrees(expected, got):
            self.failed += 1
            print(f"{place}: {line}\n  expected  " + "\n            ".join(expected))
            print("  got       " + "\n            ".join(got))
        return expected


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--resp", type=int, choices=(2, 3), default=2)
    parser.add_argument("--record", action="store_true", help="write replies under commands that have none")
    options = parser.parse_args()
    connection = Connection(options.address, options.resp)
    server = Server(connection)
    judge = Judge(connection, server, options.resp, options.record)
    for path in options.files:
        judge.run(path)
    version = ".".join(map(str, server.version))
    print(f"{server.name} {version}, RESP{options.resp}: {judge.judged} replies, {judge.failed} other than written")
    return 1 if judge.failed else 0


if __name__ == "__main__":
    sys.exit(main())
