// The client story with ioredis (RESP2) and node-redis (RESP3).
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import Redis from "ioredis";
import { createClient } from "redis";

const port = Number(process.argv[2]);

async function ioredis() {
  const client = new Redis(port, "127.0.0.1", { connectionName: "suite-js" });
  await client.flushall();
  assert.equal(await client.set("k", "v", "EX", 100), "OK");
  assert.equal(await client.get("k"), "v");
  assert.equal(await client.get("absent"), null);
  assert.equal(await client.hset("h", { a: 1, b: "two" }), 2);
  assert.deepEqual(await client.hgetall("h"), { a: "1", b: "two" });
  assert.deepEqual(await client.mget("k", "absent"), ["v", null]);

  const pipeline = client.pipeline();
  for (let i = 0; i < 10_000; i++) pipeline.set(`p:${i}`, i);
  for (let i = 0; i < 10_000; i++) pipeline.get(`p:${i}`);
  const replies = await pipeline.exec();
  assert.equal(replies.length, 20_000);
  assert.deepEqual(replies[19_999], [null, "9999"]);

  assert.deepEqual(await client.multi().set("t", 1).incr("t").exec(), [[null, "OK"], [null, 2]]);

  const bytes = randomBytes(1_000_000);
  await client.set("bin", bytes);
  assert.deepEqual(await client.getBuffer("bin"), bytes);

  await assert.rejects(client.incr("k"), /ERR value is not an integer or out of range/);
  await assert.rejects(client.hget("k", "f"), /WRONGTYPE/);
  await assert.rejects(client.call("NOPE"), /ERR unknown command/);

  const other = new Redis(port);
  const id = await client.client("ID");
  assert.equal(await other.client("KILL", "ID", id), 1);
  await new Promise((resolve) => client.once("ready", resolve));
  assert.notEqual(await client.client("ID"), id);
  await client.quit();
  await other.quit();
}

async function nodeRedis() {
  const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 3 });
  client.on("error", () => {});
  await client.connect();
  await client.flushAll();
  assert.equal(await client.set("k", "v"), "OK");
  assert.equal(await client.hSet("h", { a: "1", b: "2" }), 2);
  const all = await client.hGetAll("h");
  assert.equal(all.a, "1");
  assert.equal(all.b, "2");
  const many = await Promise.all(Array.from({ length: 5_000 }, (_, i) => client.incr(`n:${i % 100}`)));
  assert.equal(many.length, 5_000);
  assert.equal(await client.get("n:7"), "50");
  await assert.rejects(client.incr("k"), /not an integer/);
  await client.close();
}

// Both libraries log in as a user that may only read.
async function users() {
  const admin = new Redis(port);
  await admin.call("ACL", "SETUSER", "alice", "reset", "on", ">secret", "~a*", "+@read", "+@connection", "+info");
  await admin.set("a", "v");
  const alice = new Redis(port, "127.0.0.1", { username: "alice", password: "secret" });
  assert.equal(await alice.get("a"), "v");
  await assert.rejects(alice.get("b"), /NOPERM/);
  await assert.rejects(alice.set("a", "w"), /NOPERM/);
  await alice.quit();
  const other = createClient({ url: `redis://alice:secret@127.0.0.1:${port}`, RESP: 3 });
  await other.connect();
  assert.equal(await other.get("a"), "v");
  await assert.rejects(other.set("a", "w"), /NOPERM/);
  await other.close();
  await admin.call("ACL", "DELUSER", "alice");
  await admin.quit();
}

await ioredis();
await nodeRedis();
await users();
