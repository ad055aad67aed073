// The client story with go-redis.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

func check(ok bool, what string, values ...any) {
	if !ok {
		log.Fatalf("%s: %v", what, values)
	}
}

func try(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func plain(client *redis.Client) {
	try(client.FlushAll(ctx).Err())
	try(client.Set(ctx, "k", "v", 0).Err())
	value, err := client.Get(ctx, "k").Result()
	try(err)
	check(value == "v", "GET", value)
	_, err = client.Get(ctx, "absent").Result()
	check(err == redis.Nil, "GET of an absent key", err)
	try(client.HSet(ctx, "h", "a", 1, "b", "two").Err())
	all, err := client.HGetAll(ctx, "h").Result()
	try(err)
	check(len(all) == 2 && all["b"] == "two", "HGETALL", all)
	keys, _, err := client.Scan(ctx, 0, "*", 100).Result()
	try(err)
	check(len(keys) == 2, "SCAN", keys)
}

func pipeline(client *redis.Client) {
	commands, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := 0; i < 10000; i++ {
			pipe.Set(ctx, fmt.Sprintf("p:%d", i), i, 0)
			pipe.Get(ctx, fmt.Sprintf("p:%d", i))
		}
		return nil
	})
	try(err)
	check(commands[19999].(*redis.StringCmd).Val() == "9999", "pipeline")
	results, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, "t", 1, 0)
		pipe.Incr(ctx, "t")
		return nil
	})
	try(err)
	check(results[1].(*redis.IntCmd).Val() == 2, "transaction")
}

func binary(client *redis.Client) {
	value := make([]byte, 1_000_000)
	_, err := rand.Read(value)
	try(err)
	try(client.Set(ctx, "bin", value, 0).Err())
	read, err := client.Get(ctx, "bin").Bytes()
	try(err)
	check(bytes.Equal(read, value), "binary value")
}

func errors(client *redis.Client) {
	err := client.Incr(ctx, "k").Err()
	check(err != nil && strings.HasPrefix(err.Error(), "ERR value is not an integer"), "INCR", err)
	err = client.HGet(ctx, "k", "f").Err()
	check(err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE"), "HGET", err)
	err = client.Do(ctx, "NOPE").Err()
	check(err != nil && strings.HasPrefix(err.Error(), "ERR unknown command"), "NOPE", err)
}

func reconnect(client *redis.Client, other *redis.Client) {
	id := client.ClientID(ctx).Val()
	killed := other.Do(ctx, "CLIENT", "KILL", "ID", id).Val()
	check(fmt.Sprint(killed) == "1", "CLIENT KILL", killed)
	try(client.Ping(ctx).Err())
	check(client.ClientID(ctx).Val() != id, "a new connection")
}

func main() {
	address := "127.0.0.1:" + os.Args[1]
	other := redis.NewClient(&redis.Options{Addr: address})
	for _, protocol := range []int{2, 3} {
		client := redis.NewClient(&redis.Options{Addr: address, Protocol: protocol, ClientName: "suite-go", PoolSize: 1})
		plain(client)
		pipeline(client)
		binary(client)
		errors(client)
		reconnect(client, other)
		try(client.Close())
	}
}
