"""The client story with redis-py."""

import os
import sys

import redis

PORT = int(sys.argv[1])


def connect(protocol):
    return redis.Redis(port=PORT, protocol=protocol, client_name="suite-py")


def plain(client):
    client.flushall()
    assert client.ping()
    assert client.set("k", "v", ex=100)
    assert client.get("k") == b"v"
    assert 0 < client.ttl("k") <= 100
    assert client.set("k", "w", nx=True) is None
    assert client.incrby("n", 5) == 5
    assert client.mget("k", "n", "absent") == [b"v", b"5", None]
    assert client.hset("h", mapping={"a": 1, "b": "two"}) == 2
    assert client.hgetall("h") == {b"a": b"1", b"b": b"two"}
    assert client.incrbyfloat("f", 0.5) == 0.5
    assert sorted(client.scan_iter()) == [b"f", b"h", b"k", b"n"]
    assert client.type("h") == b"hash"
    assert client.delete("k", "n") == 2
    assert client.client_getname() in ("suite-py", b"suite-py")
    assert client.config_get("maxmemory") == {"maxmemory": "0"}
    assert client.info("server")["redis_version"]
    assert client.memory_usage("h") > 0


def pipeline(client):
    pipe = client.pipeline(transaction=False)
    for i in range(10_000):
        pipe.set(f"p:{i}", i)
    assert all(pipe.execute())
    for i in range(10_000):
        pipe.get(f"p:{i}")
    assert pipe.execute() == [str(i).encode() for i in range(10_000)]


def transaction(client):
    pipe = client.pipeline(transaction=True)
    pipe.set("t", 1)
    pipe.incr("t")
    assert pipe.execute() == [True, 2]


def binary(client):
    for value in (bytes(range(256)), b"", b"\r\n$5\r\n", os.urandom(3_000_000)):
        client.set(value[:100] + b"key", value)
        assert client.get(value[:100] + b"key") == value


def errors(client):
    client.set("s", "text")
    for call in (lambda: client.incr("s"), lambda: client.hget("s", "f"), lambda: client.execute_command("NOPE")):
        try:
            call()
        except redis.ResponseError:
            continue
        raise AssertionError("an error was expected")


def users(client):
    client.acl_setuser(
        "alice", enabled=True, passwords=["+secret"], categories=["+@read", "+@connection"], keys=["a*"], reset=True
    )
    assert client.acl_getuser("alice")["categories"] == ["-@all", "+@read", "+@connection"]
    client.set("a", "v")
    with redis.Redis(port=PORT, username="alice", password="secret", protocol=3) as alice:
        assert alice.get("a") == b"v"
        for call in (lambda: alice.get("b"), lambda: alice.set("a", "w")):
            try:
                call()
            except redis.exceptions.NoPermissionError:
                continue
            raise AssertionError("a refusal was expected")
    try:
        redis.Redis(port=PORT, username="alice", password="wrong").ping()
    except redis.AuthenticationError:
        pass
    else:
        raise AssertionError("a wrong password was taken")
    assert client.acl_deluser("alice") == 1


def subscriptions(client):
    with client.pubsub() as subscriber:
        subscriber.subscribe("news")
        subscriber.psubscribe("n*")
        subscriber.ssubscribe("shard")
        confirmed = [subscriber.get_message(timeout=5)["type"] for _ in range(3)]
        assert confirmed == ["subscribe", "psubscribe", "ssubscribe"]
        assert client.publish("news", b"\x00 hello") == 2
        assert client.spublish("shard", "x" * 100_000) == 1
        told = [subscriber.get_message(timeout=5) for _ in range(2)]
        assert [message["type"] for message in told] == ["message", "pmessage"]
        assert all(message["data"] == b"\x00 hello" for message in told)
        assert subscriber.get_sharded_message(timeout=5)["data"] == b"x" * 100_000
        assert client.pubsub_numsub("news") == [(b"news", 1)]
        subscriber.unsubscribe()
        assert subscriber.get_message(timeout=5)["type"] == "unsubscribe"
        assert client.publish("other", "") == 0


def reconnect(client):
    other = connect(2)
    number = client.client_id()
    assert other.client_kill_filter(_id=number) == 1
    assert client.ping()
    assert client.client_id() != number


for protocol in (2, 3):
    for story in (plain, pipeline, transaction, binary, errors, users, subscriptions, reconnect):
        with connect(protocol) as session:
            story(session)
