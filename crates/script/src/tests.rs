//! The sandbox and the functions in it, with a caller that answers what it is told to.

use resp::Protocol;

use crate::caller::Recorded;
use crate::{Ended, Failure, Interpreter, Options};

const OPTIONS: Options<'_> = Options {
    version: "8.0.6",
    memory_bytes: 64 << 20,
    seed: 1,
    function_flags: &["no-writes", "allow-oom"],
};

/// Runs a script alone.
fn run(text: &str) -> Result<String, String> {
    run_with(&Interpreter::new(OPTIONS), text, &mut Recorded::default())
}

fn run_with(interpreter: &Interpreter, text: &str, caller: &mut Recorded) -> Result<String, String> {
    let script = interpreter.compile(text.as_bytes())?;
    let mut out = Vec::new();
    match interpreter.run(&script, &[b"key"], &[b"a", b"b"], caller, (Protocol::Resp2, &mut out)) {
        Ended::Replied | Ended::PassedOn => {
            Ok(String::from_utf8_lossy(&out).replace("\r\n", " ").trim_end().to_owned())
        }
        Ended::Failed(Failure { text, place, .. }) => {
            let place = place.map_or_else(String::new, |(source, line)| format!(" on {source}:{line}"));
            Err(String::from_utf8_lossy(&text).into_owned() + &place)
        }
        Ended::Abandoned => Err("abandoned".to_owned()),
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(run(text), Ok(expected.to_owned()), "{text}");
}

fn check_error(text: &str, expected: &str) {
    assert_eq!(run(text), Err(expected.to_owned()), "{text}");
}

#[test]
fn values_become_replies() {
    check("return 3.99", ":3");
    check("return 'x'", "$1 x");
    check("return {1, 2, {'a'}, nil, 4}", "*3 :1 :2 *1 $1 a");
    check("return {ok = 'fine'}", "+fine");
    check("return {err = 'BAD luck'}", "-BAD luck");
    check("return true", ":1");
    check("return false", "$-1");
    check("return nil", "$-1");
    check("return {double = 1.5}", "$3 1.5");
    check("return {KEYS[1], ARGV[2], #KEYS, #ARGV}", "*4 $3 key $1 b :1 :2");
    check(
        "local a = {}; local b = {a}; a[1] = b; return a",
        &format!("{}-ERR reached lua stack limit", "*1 ".repeat(1000)),
    );
}

#[test]
fn commands_are_called_with_words_and_replies_become_values() {
    let interpreter = Interpreter::new(OPTIONS);
    let mut caller =
        Recorded { replies: vec![b"*3\r\n$1\r\na\r\n:5\r\n$-1\r\n".to_vec()], ..Recorded::default() };
    let text = "local r = redis.call('x', 1, 2.5, 1e15, 'y'); return {r[1], r[2], type(r[3])}";
    assert_eq!(run_with(&interpreter, text, &mut caller), Ok("*3 $1 a :5 $7 boolean".to_owned()));
    assert_eq!(caller.called, ["x 1 2.5 1000000000000000 y"]);
}

#[test]
fn errors_say_where_they_happened() {
    check_error("error('boom')", "ERR user_script:1: boom on @user_script:1");
    check_error("\nerror({err = 'OWN text'})", "OWN text on @user_script:2");
    check_error("error({err = 5})", "5 on @user_script:1");
    check_error("error({err = true})", "ERR unknown error on @user_script:1");
    check_error("error(redis)", "ERR unknown error on @user_script:1");
    check_error("error(_G)", "ERR unknown error on @user_script:1");
    check_error("error()", "ERR nil on @user_script:1");
    check_error("error(nil)", "ERR nil on @user_script:1");
    check_error("error(true)", "ERR true on @user_script:1");
    check_error("error(1.5, 0)", "ERR 1.5 on @user_script:1");
    check_error(
        "return foo",
        "ERR user_script:1: Script attempted to access nonexistent global variable 'foo' on @user_script:1",
    );
    check_error("foo = 1", "ERR user_script:1: Attempt to modify a readonly table on @user_script:1");
    check_error("redis.call = 1", "ERR user_script:1: Attempt to modify a readonly table on @user_script:1");
    check_error("return 1 +", "user_script:1: unexpected symbol near '<eof>'");
    let interpreter = Interpreter::new(OPTIONS);
    let mut caller = Recorded { replies: vec![b"-WRONGTYPE no\r\n".to_vec()], ..Recorded::default() };
    let failed = run_with(&interpreter, "local x = 1\nreturn redis.call('get', 'x')", &mut caller);
    assert_eq!(failed, Err("WRONGTYPE no on @user_script:2".to_owned()));
    let mut caller = Recorded { replies: vec![b"-WRONGTYPE no\r\n".to_vec()], ..Recorded::default() };
    let caught = run_with(&interpreter, "return redis.pcall('get', 'x')['err']", &mut caller);
    assert_eq!(caught, Ok("$12 WRONGTYPE no".to_owned()));
    check(
        "local ok, e = pcall(redis.call); return e",
        "$64 ERR Please specify at least one argument for this redis lib call",
    );
}

#[test]
fn nothing_dangerous_is_reachable() {
    for name in [
        "io",
        "package",
        "require",
        "dofile",
        "loadfile",
        "debug",
        "print",
        "newproxy",
        "getfenv",
        "setfenv",
        "module",
        "checked",
        "setreadonly",
        "isreadonly",
    ] {
        check(&format!("return tostring(rawget(_G, '{name}'))"), "$3 nil");
    }
    check(
        "local n = 0; for _ in pairs(os) do n = n + 1 end; return {n, type(os.clock)}",
        "*2 :1 $8 function",
    );
    for text in [
        "string.format = 1",
        "getmetatable('').__index = 1",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
        "table.insert(math, 1)",
        "getmetatable(_G).__index = nil",
        "setmetatable(redis, {})",
        "KEYS = 1",
    ] {
        let failed = run(text).expect_err(text);
        assert!(failed.contains("Attempt to modify a readonly table"), "{text}: {failed}");
    }
    // A chunk of bytecode is read as text.
    check("return type(loadstring(string.dump(loadstring('return 1'))))", "$3 nil");
    check("return loadstring('return 5')()", ":5");
}

#[test]
fn memory_is_bounded_and_given_back() {
    let interpreter = Interpreter::new(OPTIONS);
    for text in [
        "local t = {} while true do t[#t + 1] = string.rep('x', 1000) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "return string.rep('x', 1e9)",
        "return string.gsub(string.rep('x', 1e6), 'x', string.rep('y', 1e4))",
    ] {
        let failed = run_with(&interpreter, text, &mut Recorded::default()).expect_err(text);
        assert!(failed.contains("not enough memory"), "{text}: {failed}");
        assert!(interpreter.used_memory() <= OPTIONS.memory_bytes);
        assert_eq!(run_with(&interpreter, "return 1", &mut Recorded::default()), Ok(":1".to_owned()));
    }
}

#[test]
fn a_killed_script_ends_whatever_it_catches() {
    let interpreter = Interpreter::new(OPTIONS);
    for text in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() while true do end end while true do pcall(pcall, f) end",
        "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end",
        "string.find(string.rep('a', 200000), string.rep('a*', 100) .. 'b')",
        "string.find(string.rep('a', 5e6), string.rep('a', 2e6) .. 'b', 1, true)",
        "local t = {} for i = 1, 1000 do t[i] = i % 7 end while true do table.sort(t) end",
    ] {
        let mut caller = Recorded { patience: 20, ..Recorded::default() };
        let failed = run_with(&interpreter, text, &mut caller).expect_err(text);
        assert_eq!(failed, "ERR Script killed by user with SCRIPT KILL. on @user_script:1", "{text}");
        assert_eq!(run_with(&interpreter, "return 1", &mut Recorded::default()), Ok(":1".to_owned()));
    }
}

#[test]
fn an_abandoned_run_calls_nothing_more() {
    let interpreter = Interpreter::new(OPTIONS);
    let mut caller = Recorded { abandon_at: Some("get far"), ..Recorded::default() };
    let text = "redis.call('get', 'near') pcall(redis.call, 'get', 'far') for i = 1, 1e9 do redis.pcall('set', 'x', i) end";
    assert_eq!(run_with(&interpreter, text, &mut caller), Err("abandoned".to_owned()));
    assert_eq!(caller.called, ["get near"]);
}

#[test]
fn keys_and_arguments_go_when_their_script_has_ended() {
    let interpreter = Interpreter::new(OPTIONS);
    let large = vec![b'a'; 16 << 20];
    for text in ["return #ARGV[1] + #KEYS[1]", "error('boom')", "return ARGV"] {
        let script = interpreter.compile(text.as_bytes()).expect("it is well-formed");
        let mut out = Vec::new();
        let caller = &mut Recorded::default();
        interpreter.run(&script, &[&large], &[&large], caller, (Protocol::Resp2, &mut out));
        assert!(interpreter.used_memory() < 1 << 20, "{text}: {}", interpreter.used_memory());
    }
    assert_eq!(run_with(&interpreter, "return ARGV[2]", &mut Recorded::default()), Ok("$1 b".to_owned()));
}

#[test]
fn patterns_do_not_overflow_the_stack() {
    let failed = run("return string.find(string.rep('a', 1e5), string.rep('a?', 1e5))").expect_err("deep");
    assert!(failed.contains("pattern too complex"), "{failed}");
}

/// The trigger of CVE-2025-49844: a reader that ends, is asked again, and collects what nothing refers to.
#[test]
fn the_name_of_a_chunk_outlives_its_parsing() {
    let interpreter = Interpreter::new(Options { memory_bytes: 8 << 20, ..OPTIONS });
    let text = "
        for i = 1, 200 do
            local left = {'return ', 'string.rep(\"a\", 3)', nil}
            local n = 0
            local f = load(function()
                n = n + 1
                collectgarbage('collect')
                local junk = {}
                for j = 1, 8 do junk[j] = string.rep(tostring(i * j), 20) end
                return left[n]
            end)
            if f() ~= 'aaa' then return 'wrong' end
            local bad, why = load(function() collectgarbage('collect') return nil end)
            local worse, how = load(function() collectgarbage('collect') return '=' end)
        end
        return 'fine'";
    for _ in 0..3 {
        assert_eq!(run_with(&interpreter, text, &mut Recorded::default()), Ok("$4 fine".to_owned()));
    }
    // Many loads of different names under memory pressure.
    let many = "
        collectgarbage('setpause', 0) collectgarbage('setstepmul', 1000)
        for i = 1, 5000 do
            local f, why = loadstring('x = = ' .. i, 'chunk' .. i)
            if not string.find(why, 'chunk' .. i, 1, true) then return why end
        end
        return 'fine'";
    assert_eq!(run_with(&interpreter, many, &mut Recorded::default()), Ok("$4 fine".to_owned()));
}

#[test]
fn long_brackets_that_do_not_close_are_errors() {
    for text in ["return [=====", "return [==[ x ]=", "--[====", "--[=[ x"] {
        let many = text.replace("==", &"=".repeat(3000));
        for text in [text, &many] {
            let _ = run(text);
        }
    }
    assert!(
        run(&format!("return [{}", "=".repeat(2_000_000)))
            .expect_err("too long")
            .contains("invalid long string delimiter")
    );
}

#[test]
fn unpack_of_too_much_is_an_error() {
    for range in ["-2147483648, 2147483647", "0, 2147483647", "1, 8001", "-2147483648, -1"] {
        let failed = run(&format!("return unpack({{1}}, {range})")).expect_err(range);
        assert!(failed.contains("too many results to unpack"), "{failed}");
    }
    check("return #{unpack({}, 1, 7000)}", ":0");
}

#[test]
fn random_numbers_depend_on_the_seed_alone() {
    let interpreter = Interpreter::new(OPTIONS);
    let draw = |text: &str| run_with(&interpreter, text, &mut Recorded::default()).expect("a number");
    assert_ne!(draw("return math.random(1e9)"), draw("return math.random(1e9)"));
    assert_eq!(draw("math.randomseed(7) return math.random(1000)"), ":267");
    assert_eq!(draw("math.randomseed(7) return math.random(1000)"), ":267");
}
