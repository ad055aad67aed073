//! The client story with redis-rs.

use std::collections::HashMap;

use redis::{Client, Commands, Connection, ErrorKind, RedisResult};

fn plain(client: &mut Connection) -> RedisResult<()> {
    redis::cmd("FLUSHALL").exec(client)?;
    client.set::<_, _, ()>("k", "v")?;
    assert_eq!(client.get::<_, String>("k")?, "v");
    assert_eq!(client.get::<_, Option<String>>("absent")?, None);
    client.hset_multiple::<_, _, _, ()>("h", &[("a", "1"), ("b", "two")])?;
    let all: HashMap<String, String> = client.hgetall("h")?;
    assert_eq!(all["b"], "two");
    let keys: Vec<String> = client.scan()?.collect::<RedisResult<_>>()?;
    assert_eq!(keys.len(), 2);
    Ok(())
}

fn pipeline(client: &mut Connection) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for i in 0..10_000 {
        pipe.set(format!("p:{i}"), i).ignore().get(format!("p:{i}"));
    }
    let values: Vec<i64> = pipe.query(client)?;
    assert_eq!(values, (0..10_000).collect::<Vec<i64>>());
    let (value,): (i64,) = redis::pipe().atomic().set("t", 1).ignore().incr("t", 1).query(client)?;
    assert_eq!(value, 2);
    Ok(())
}

fn binary(client: &mut Connection) -> RedisResult<()> {
    let value: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
    client.set::<_, _, ()>("bin", &value)?;
    assert_eq!(client.get::<_, Vec<u8>>("bin")?, value);
    Ok(())
}

fn errors(client: &mut Connection) {
    let error = client.incr::<_, _, i64>("k", 1).expect_err("not a number");
    assert!(error.to_string().contains("not an integer"), "{error}");
    let error = client.hget::<_, _, String>("k", "f").expect_err("not a hash");
    assert_eq!(error.code(), Some("WRONGTYPE"));
    let error = redis::cmd("NOPE").exec(client).expect_err("no such command");
    assert!(error.to_string().contains("unknown command"), "{error}");
}

fn reconnect(client: &Client) -> RedisResult<()> {
    let mut victim = client.get_connection()?;
    let id: i64 = redis::cmd("CLIENT").arg("ID").query(&mut victim)?;
    let mut other = client.get_connection()?;
    assert_eq!(redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query::<i64>(&mut other)?, 1);
    let error = redis::cmd("PING").exec(&mut victim).expect_err("the connection was closed");
    assert!(error.is_connection_dropped() || error.kind() == ErrorKind::Io, "{error}");
    let mut again = client.get_connection()?;
    redis::cmd("PING").exec(&mut again)
}

fn main() -> RedisResult<()> {
    let port = std::env::args().nth(1).expect("usage: client-suite PORT");
    for protocol in ["resp2", "resp3"] {
        let client = Client::open(format!("redis://127.0.0.1:{port}/?protocol={protocol}"))?;
        let mut connection = client.get_connection()?;
        plain(&mut connection)?;
        pipeline(&mut connection)?;
        binary(&mut connection)?;
        errors(&mut connection);
        reconnect(&client)?;
    }
    Ok(())
}
