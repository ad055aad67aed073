//! What is sent: redis-benchmark's tests by name, some more, or a command given by the user.
//!
//! A workload is a template of RESP bytes, encoded once, with the places at which a random number is written
//! over twelve digits. Producing a request is a copy and a few digits. A request may be several commands, a transaction
//! for instance, that count as one.

/// A run of random digits in a request, as in redis-benchmark: `__rand_int__` becomes `000000001234`.
const PLACEHOLDER: &[u8] = b"__rand_int__";

/// A request that is sent over and over.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The name in reports, such as `GET`.
    pub name: String,
    template: Vec<u8>,
    /// Offsets of twelve digits that are drawn anew for each request.
    random: Vec<usize>,
    /// Replies to one request.
    pub replies: u64,
    /// Whether it is about strings under many keys, so that the size of their values matters.
    pub has_values: bool,
    /// Whether it names keys or members that are drawn, or would be if there were more than one.
    pub is_random: bool,
}

/// What the templates depend on.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Bytes of a value.
    pub value_size: usize,
    /// Keys are drawn from this many; `None` uses one key.
    pub keyspace: Option<u64>,
}

impl Workload {
    /// A workload from its words.
    pub fn new<T: AsRef<[u8]>>(name: impl Into<String>, words: &[T], shape: Shape) -> Self {
        let mut template = Vec::new();
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        resp_command(&mut template, &words);
        Self::from_bytes(name.into(), template, shape)
    }

    fn from_bytes(name: String, mut template: Vec<u8>, shape: Shape) -> Self {
        let mut random = Vec::new();
        let is_random = find(&template, PLACEHOLDER).is_some();
        let mut at = 0;
        while let Some(offset) = find(&template[at..], PLACEHOLDER) {
            let start = at + offset;
            template[start..start + PLACEHOLDER.len()].copy_from_slice(b"000000000000");
            if shape.keyspace.is_some() {
                random.push(start);
            }
            at = start + PLACEHOLDER.len();
        }
        Self { name, template, random, replies: 1, has_values: false, is_random }
    }

    /// Bytes of a request.
    pub fn request_bytes(&self) -> usize {
        self.template.len()
    }

    /// Appends one request; `draw` gives a number below the keyspace for each place.
    pub fn append(&self, out: &mut Vec<u8>, mut draw: impl FnMut() -> u64) {
        let base = out.len();
        out.extend_from_slice(&self.template);
        for &offset in &self.random {
            write_digits(&mut out[base + offset..base + offset + PLACEHOLDER.len()], draw());
        }
    }
}

/// The tests that redis-benchmark knows, in its order: the name it prints and how `-t` selects it.
const TESTS: &[(&str, &[&str], &str)] = &[
    ("PING_INLINE", &["ping_inline", "ping"], "PING"),
    ("PING_MBULK", &["ping_mbulk", "ping"], "PING"),
    ("SET", &["set"], "SET key:__rand_int__ __data__"),
    ("GET", &["get"], "GET key:__rand_int__"),
    ("INCR", &["incr"], "INCR counter:__rand_int__"),
    ("LPUSH", &["lpush"], "LPUSH mylist __data__"),
    ("RPUSH", &["rpush"], "RPUSH mylist __data__"),
    ("LPOP", &["lpop"], "LPOP mylist"),
    ("RPOP", &["rpop"], "RPOP mylist"),
    ("SADD", &["sadd"], "SADD myset element:__rand_int__"),
    ("HSET", &["hset"], "HSET myhash element:__rand_int__ __data__"),
    ("HGET", &["hget"], "HGET myhash element:__rand_int__"),
    ("SPOP", &["spop"], "SPOP myset"),
    ("ZADD", &["zadd"], "ZADD myzset 0 element:__rand_int__"),
    ("ZPOPMIN", &["zpopmin"], "ZPOPMIN myzset"),
    (
        "LPUSH (needed to benchmark LRANGE)",
        &["lrange", "lrange_100", "lrange_300", "lrange_500", "lrange_600"],
        "LPUSH mylist __data__",
    ),
    ("LRANGE_100 (first 100 elements)", &["lrange", "lrange_100"], "LRANGE mylist 0 99"),
    ("LRANGE_300 (first 300 elements)", &["lrange", "lrange_300"], "LRANGE mylist 0 299"),
    ("LRANGE_500 (first 500 elements)", &["lrange", "lrange_500"], "LRANGE mylist 0 499"),
    ("LRANGE_600 (first 600 elements)", &["lrange", "lrange_600"], "LRANGE mylist 0 599"),
    ("MSET (10 keys)", &["mset"], "MSET"),
    ("XADD", &["xadd"], "XADD mystream * myfield __data__"),
    (
        "ZADD (needed to benchmark ZRANGE)",
        &["zrange_100"],
        "ZADD myranking __rand_int__ element:__rand_int__",
    ),
    ("ZRANGE_100 (first 100 elements)", &["zrange_100"], "ZRANGE myranking 0 99"),
    (
        "EVAL (GET and SET)",
        &["eval"],
        "EVAL redis.call('GET',KEYS[1]);return(redis.call('SET',KEYS[1],ARGV[1])) 1 key:__rand_int__ __data__",
    ),
    (
        "MULTI/EXEC (4 SETs)",
        &["multi"],
        "MULTI | SET key:__rand_int__ __data__ | SET key:__rand_int__ __data__ | SET key:__rand_int__ __data__ \
         | SET key:__rand_int__ __data__ | EXEC",
    ),
];

/// Tests that run only when they are asked for by name: redis-benchmark does not have them.
const ON_REQUEST: &[&str] = &[
    "HGET",
    "ZADD (needed to benchmark ZRANGE)",
    "ZRANGE_100 (first 100 elements)",
    "EVAL (GET and SET)",
    "MULTI/EXEC (4 SETs)",
];

/// The workloads that `-t` names, all of redis-benchmark's when it names none.
pub fn named(selected: &[String], shape: Shape) -> Result<Vec<Workload>, String> {
    let selected: Vec<String> = selected.iter().map(|name| name.to_lowercase()).collect();
    for name in &selected {
        if !TESTS.iter().any(|(_, names, _)| names.contains(&name.as_str())) {
            return Err(format!("unknown test '{name}' in -t; known: {}", known()));
        }
    }
    Ok(TESTS
        .iter()
        .filter(|(title, names, _)| {
            if selected.is_empty() {
                !ON_REQUEST.contains(title)
            } else {
                names.iter().any(|name| selected.iter().any(|wanted| wanted == name))
            }
        })
        .map(|(title, _, text)| build(title, text, shape))
        .collect())
}

/// The names that `-t` takes.
fn known() -> String {
    let mut names: Vec<&str> = Vec::new();
    for &name in TESTS.iter().flat_map(|(_, names, _)| *names) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

fn build(title: &str, text: &'static str, shape: Shape) -> Workload {
    let data = vec![b'x'; shape.value_size];
    if title == "PING_INLINE" {
        return Workload::from_bytes(title.to_owned(), b"PING\r\n".to_vec(), shape);
    }
    let mut template = Vec::new();
    for command in text.split(" | ") {
        let word = |word: &'static str| if word == "__data__" { &data[..] } else { word.as_bytes() };
        let mut words: Vec<&[u8]> = command.split(' ').map(word).collect();
        if title.starts_with("MSET") {
            words.extend([&b"key:__rand_int__"[..], &data].repeat(10));
        }
        resp_command(&mut template, &words);
    }
    let replies = text.split(" | ").count() as u64;
    let has_values = find(&template, b"key:__rand_int__").is_some();
    Workload { replies, has_values, ..Workload::from_bytes(title.to_owned(), template, shape) }
}

/// A command as an array of bulk strings.
fn resp_command(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

/// Writes a number right-aligned with leading zeros.
fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { value_size: 3, keyspace: Some(100) };

    fn request(workload: &Workload, number: u64) -> String {
        let mut out = Vec::new();
        workload.append(&mut out, || number);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_set_has_a_random_key_and_a_value_of_the_wanted_size() {
        let set = &named(&["set".into()], SHAPE).expect("known")[0];
        assert_eq!(request(set, 42), "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$3\r\nxxx\r\n");
    }

    #[test]
    fn without_a_keyspace_the_key_is_fixed() {
        let shape = Shape { keyspace: None, ..SHAPE };
        let get = &named(&["GET".into()], shape).expect("known")[0];
        assert_eq!(request(get, 42), "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000000\r\n");
    }

    #[test]
    fn mset_sets_ten_keys() {
        let mset = &named(&["mset".into()], SHAPE).expect("known")[0];
        assert!(request(mset, 7).starts_with("*21\r\n"));
        assert_eq!(request(mset, 7).matches("key:000000000007").count(), 10);
    }

    #[test]
    fn a_transaction_counts_as_one_request_with_several_replies() {
        let multi = &named(&["multi".into()], SHAPE).expect("known")[0];
        assert_eq!(multi.replies, 6);
        assert!(request(multi, 7).starts_with("*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n"));
        assert!(request(multi, 7).ends_with("$3\r\nxxx\r\n*1\r\n$4\r\nEXEC\r\n"));
        assert_eq!(request(multi, 7).matches("key:000000000007").count(), 4);
    }

    #[test]
    fn an_unknown_test_is_named_in_the_error() {
        let error = named(&["nope".into()], SHAPE).expect_err("unknown");
        assert!(error.contains("'nope'"));
        assert_eq!(error.split([' ', ',']).filter(|&word| word == "lrange").count(), 1, "{error}");
    }
}
