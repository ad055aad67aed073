import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.Transaction;
import redis.clients.jedis.exceptions.JedisDataException;

/** The client story with Jedis. */
public class Suite {
  static void check(boolean ok, String what) {
    if (!ok) throw new AssertionError(what);
  }

  static void plain(Jedis client) {
    client.flushAll();
    check(client.set("k", "v").equals("OK"), "SET");
    check(client.get("k").equals("v"), "GET");
    check(client.get("absent") == null, "GET of an absent key");
    check(client.hset("h", Map.of("a", "1", "b", "two")) == 2, "HSET");
    check(client.hgetAll("h").equals(Map.of("a", "1", "b", "two")), "HGETALL");
    check(client.mget("k", "absent").equals(Arrays.asList("v", null)), "MGET");
    check(client.scan("0").getResult().size() == 2, "SCAN");
  }

  static void pipeline(Jedis client) {
    Pipeline pipeline = client.pipelined();
    List<Response<String>> replies = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      pipeline.set("p:" + i, Integer.toString(i));
      replies.add(pipeline.get("p:" + i));
    }
    pipeline.sync();
    check(replies.get(9_999).get().equals("9999"), "pipeline");
    Transaction transaction = client.multi();
    transaction.set("t", "1");
    transaction.incr("t");
    check(transaction.exec().equals(List.of("OK", 2L)), "transaction");
  }

  static void binary(Jedis client) {
    byte[] value = new byte[1_000_000];
    new Random(7).nextBytes(value);
    client.set("bin".getBytes(), value);
    check(Arrays.equals(client.get("bin".getBytes()), value), "binary value");
  }

  static void errors(Jedis client) {
    fails(() -> client.incr("k"), "ERR value is not an integer");
    fails(() -> client.hget("k", "f"), "WRONGTYPE");
  }

  static void fails(Runnable call, String text) {
    try {
      call.run();
    } catch (JedisDataException error) {
      check(error.getMessage().startsWith(text), error.getMessage());
      return;
    }
    throw new AssertionError("expected: " + text);
  }

  static void reconnect(HostAndPort address) {
    try (JedisPooled pool = new JedisPooled(address.getHost(), address.getPort());
        Jedis other = new Jedis(address)) {
      pool.set("r", "1");
      other.clientKill(new redis.clients.jedis.params.ClientKillParams().skipMe(redis.clients.jedis.params.ClientKillParams.SkipMe.YES));
      try {
        pool.get("r");
      } catch (redis.clients.jedis.exceptions.JedisConnectionException expected) {
        // The pool throws the dead connection away and opens another for the next call.
      }
      check(pool.get("r").equals("1"), "reconnect");
    }
  }

  public static void main(String[] arguments) {
    HostAndPort address = new HostAndPort("127.0.0.1", Integer.parseInt(arguments[0]));
    for (RedisProtocol protocol : RedisProtocol.values()) {
      try (Jedis client =
          new Jedis(
              address,
              DefaultJedisClientConfig.builder().protocol(protocol).clientName("suite-java").build())) {
        plain(client);
        pipeline(client);
        binary(client);
        errors(client);
      }
    }
    reconnect(address);
  }
}
