// What redis_exporter shows Prometheus of the server: it has to find all that it asks for, and to count rightly.
package main

import (
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/gomodule/redigo/redis"
	"github.com/oliver006/redis_exporter/exporter"
	"github.com/prometheus/client_golang/prometheus"
	metrics "github.com/prometheus/client_model/go"
)

func try(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Keys of some types, and a command that is refused.
func prepare(address string) {
	connection, err := redis.DialURL(address)
	try(err)
	defer connection.Close()
	for _, command := range []string{
		"FLUSHALL", "CONFIG RESETSTAT", "CONFIG SET latency-monitor-threshold 1", "SET string value", "SETEX short 1000 value",
		"RPUSH list a b c", "HSET hash field value", "XADD stream 1-1 field value", "XADD stream 1-2 field value",
		"XGROUP CREATE stream group 0", "XREADGROUP GROUP group consumer COUNT 1 STREAMS stream >",
	} {
		words := redis.Args{}.AddFlat(strings.Fields(command))
		_, err := connection.Do(words[0].(string), words[1:]...)
		try(err)
	}
	if _, err := connection.Do("INCR", "list"); err == nil {
		log.Fatal("INCR of a list is refused")
	}
}

// The value of each metric, by its name and its labels in their order.
func gather(address string) map[string]float64 {
	source, err := exporter.NewRedisExporter(address, exporter.Options{
		Namespace:                    "redis",
		ConfigCommandName:            "CONFIG",
		CheckKeys:                    "string,list,hash",
		CheckStreams:                 "stream",
		CountKeys:                    "s*",
		CheckKeysBatchSize:           100,
		ExportClientList:             true,
		InclConfigMetrics:            true,
		InclModulesMetrics:           true,
		InclSystemMetrics:            true,
		InclMetricsForEmptyDatabases: true,
		Registry:                     prometheus.NewRegistry(),
	})
	try(err)
	registry := prometheus.NewRegistry()
	registry.MustRegister(source)
	families, err := registry.Gather()
	try(err)
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			found[family.GetName()+labels(metric)] = value(metric)
		}
	}
	return found
}

func labels(metric *metrics.Metric) string {
	var pairs []string
	for _, pair := range metric.GetLabel() {
		pairs = append(pairs, fmt.Sprintf("%s=%s", pair.GetName(), pair.GetValue()))
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func value(metric *metrics.Metric) float64 {
	switch {
	case metric.Gauge != nil:
		return metric.Gauge.GetValue()
	case metric.Counter != nil:
		return metric.Counter.GetValue()
	case metric.Histogram != nil:
		return float64(metric.Histogram.GetSampleCount())
	default:
		return metric.GetUntyped().GetValue()
	}
}

func main() {
	address := "redis://127.0.0.1:" + os.Args[1]
	prepare(address)
	found := gather(address)
	for name, expected := range map[string]float64{
		"redis_up{}":                                                            1,
		"redis_exporter_last_scrape_error{err=}":                                0,
		"redis_db_keys{db=db0}":                                                 5,
		"redis_db_keys_expiring{db=db0}":                                        1,
		"redis_commands_total{cmd=set}":                                         1,
		"redis_commands_failed_calls_total{cmd=incr}":                           1,
		"redis_errors_total{err=WRONGTYPE}":                                     1,
		"redis_commands_latencies_usec{cmd=rpush}":                              1,
		"redis_aof_last_write_status{}":                                         1,
		"redis_rdb_last_bgsave_status{}":                                        1,
		"redis_connected_slaves{}":                                              0,
		"redis_blocked_clients{}":                                               0,
		"redis_key_size{db=db0,key=list}":                                       3,
		"redis_keys_count{db=db0,key=s*}":                                       3,
		"redis_stream_length{db=db0,stream=stream}":                             2,
		"redis_stream_groups{db=db0,stream=stream}":                             1,
		"redis_stream_group_messages_pending{db=db0,group=group,stream=stream}": 1,
	} {
		if actual, there := found[name]; !there || actual != expected {
			for other := range found {
				if strings.HasPrefix(other, strings.SplitN(name, "{", 2)[0]) {
					log.Printf("there is %s = %v", other, found[other])
				}
			}
			log.Fatalf("%s: %v (%v) where %v is expected", name, actual, there, expected)
		}
	}
	for _, name := range []string{"redis_aof_enabled{}", "redis_connected_clients{}", "redis_memory_used_bytes{}", "redis_net_output_bytes_total{}", "redis_uptime_in_seconds{}"} {
		if _, there := found[name]; !there {
			log.Fatalf("%s is missing", name)
		}
	}
}
