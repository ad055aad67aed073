//! `redis.register_function`: how a library, while it is loaded, tells which functions it has.
//!
//! Either `register_function(name, callback)`, or with a table of named arguments: `function_name`, `callback`, `description` and
//! `flags`.

use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Result, Table, Value};

use crate::api::{Answer, error_value};
use crate::bridge::Bridge;

/// A function of a library.
#[derive(Debug)]
pub struct Registered {
    /// Its name.
    pub name: Vec<u8>,
    /// What it does, for people.
    pub description: Option<Vec<u8>>,
    /// Its flags: a bit for each place in [`crate::Options::function_flags`].
    pub flags: u8,
    /// What is called.
    pub callback: Callback,
}

/// What is called of a library's function.
#[derive(Debug, Clone)]
pub struct Callback(pub(crate) Function);

/// Whether a library or a function may have a name.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// What is said of a name that none may have.
pub const BAD_NAME: &str = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// The function for scripts.
pub(crate) fn register_function(lua: &Lua, bridge: &Rc<Bridge>, arguments: &MultiValue) -> Result<Answer> {
    let registered = match read(lua, bridge, arguments)? {
        Ok(registered) => registered,
        Err(text) => return Ok((false, error_value(lua, bridge, text)?)),
    };
    let mut all = bridge.registered.borrow_mut();
    let all = all.as_mut().expect("only while a library is loaded something is read");
    if all.iter().any(|other| other.name.eq_ignore_ascii_case(&registered.name)) {
        return Ok((false, error_value(lua, bridge, "Function already exists in the library")?));
    }
    all.push(registered);
    Ok((true, Value::Nil))
}

type Read<T> = std::result::Result<T, &'static str>;

fn read(lua: &Lua, bridge: &Bridge, arguments: &MultiValue) -> Result<Read<Registered>> {
    if bridge.registered.borrow().is_none() {
        return Ok(Err("redis.register_function can only be called on FUNCTION LOAD command"));
    }
    let read = match (arguments.len(), arguments.front(), arguments.get(1)) {
        (1, Some(Value::Table(named)), _) => named_arguments(lua, bridge, named)?,
        (1, ..) => {
            Err("calling redis.register_function with a single argument is only applicable to Lua table \
             (representing named arguments).")
        }
        (2, Some(name), Some(callback)) => positional_arguments(lua, name, callback)?,
        _ => Err("wrong number of arguments to redis.register_function"),
    };
    Ok(read.and_then(|registered| if is_name(&registered.name) { Ok(registered) } else { Err(BAD_NAME) }))
}

fn positional_arguments(lua: &Lua, name: &Value, callback: &Value) -> Result<Read<Registered>> {
    let Some(name) = text(lua, name)? else {
        return Ok(Err("first argument to redis.register_function must be a string"));
    };
    let Value::Function(callback) = callback else {
        return Ok(Err("second argument to redis.register_function must be a function"));
    };
    Ok(Ok(Registered { name, description: None, flags: 0, callback: Callback(callback.clone()) }))
}

fn named_arguments(lua: &Lua, bridge: &Bridge, named: &Table) -> Result<Read<Registered>> {
    let (mut name, mut callback, mut description, mut flags) = (None, None, None, 0);
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Some(key) = text(lua, &key)? else {
            return Ok(Err("named argument key given to redis.register_function is not a string"));
        };
        match (&*key.to_ascii_lowercase(), &value) {
            (b"function_name", value) => {
                name = text(lua, value)?;
                if name.is_none() {
                    return Ok(Err(
                        "function_name argument given to redis.register_function must be a string",
                    ));
                }
            }
            (b"description", value) => {
                description = text(lua, value)?;
                if description.is_none() {
                    return Ok(Err("description argument given to redis.register_function must be a string"));
                }
            }
            (b"callback", Value::Function(function)) => callback = Some(Callback(function.clone())),
            (b"callback", _) => {
                return Ok(Err("callback argument given to redis.register_function must be a function"));
            }
            (b"flags", Value::Table(table)) => match read_flags(lua, bridge, table)? {
                Some(read) => flags = read,
                None => return Ok(Err("unknown flag given")),
            },
            (b"flags", _) => {
                return Ok(Err(
                    "flags argument to redis.register_function must be a table representing function flags",
                ));
            }
            _ => return Ok(Err("unknown argument given to redis.register_function")),
        }
    }
    Ok(match (name, callback) {
        (None, _) => Err("redis.register_function must get a function name argument"),
        (_, None) => Err("redis.register_function must get a callback argument"),
        (Some(name), Some(callback)) => Ok(Registered { name, description, flags, callback }),
    })
}

/// The bits of the flags in a table; nothing if one is unknown.
fn read_flags(lua: &Lua, bridge: &Bridge, table: &Table) -> Result<Option<u8>> {
    let mut flags = 0;
    for place in 1.. {
        let value: Value = table.raw_get(place)?;
        if value.is_nil() {
            break;
        }
        let name = text(lua, &value)?.unwrap_or_default();
        let known = |known: &&str| known.as_bytes().eq_ignore_ascii_case(&name);
        let Some(bit) = bridge.function_flags.iter().position(known) else { return Ok(None) };
        flags |= 1 << bit;
    }
    Ok(Some(flags))
}

/// A string, or a number as its text.
fn text(lua: &Lua, value: &Value) -> Result<Option<Vec<u8>>> {
    match value {
        Value::String(_) | Value::Integer(_) | Value::Number(_) => {
            Ok(lua.coerce_string(value.clone())?.map(|text| text.as_bytes().to_vec()))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use resp::Protocol;

    use super::BAD_NAME;
    use crate::caller::Recorded;
    use crate::{Ended, Failure, Interpreter, Options};

    fn interpreter() -> Interpreter {
        let function_flags = &["no-writes", "allow-oom"];
        Interpreter::new(Options { version: "8.0.6", memory_bytes: 64 << 20, seed: 1, function_flags })
    }

    /// Loads a library and calls its first function with a key and an argument.
    fn call(text: &str) -> Result<String, String> {
        let interpreter = interpreter();
        let functions = interpreter.load(text.as_bytes(), &mut Recorded::default())?;
        let first = functions.first().ok_or("no function")?;
        let mut out = Vec::new();
        let out_of = (Protocol::Resp2, &mut out);
        match interpreter.call(&first.callback, &[b"key"], &[b"a"], &mut Recorded::default(), out_of) {
            Ended::Replied | Ended::PassedOn => {
                Ok(String::from_utf8_lossy(&out).replace("\r\n", " ").trim_end().to_owned())
            }
            Ended::Failed(Failure { text, place, .. }) => {
                let (source, line) = place.unwrap_or_default();
                Err(format!("{} on {source}:{line}", String::from_utf8_lossy(&text)))
            }
            Ended::Abandoned => Err("abandoned".to_owned()),
        }
    }

    fn check_refused(text: &str, expected: &str) {
        let expected = format!("Error registering functions: ERR {expected}");
        assert_eq!(call(text), Err(expected), "{text}");
    }

    #[test]
    fn a_function_gets_keys_and_arguments_and_sees_the_whole_sandbox() {
        let text = "local function join(a, b) return a .. b end
            redis.register_function('f', function(keys, args) return join(keys[1], math.abs(-1)) .. args[1] end)";
        assert_eq!(call(text), Ok("$5 key1a".to_owned()));
        assert_eq!(
            call("server.register_function('f', redis.call)"),
            call("redis.register_function('f', redis.call)")
        );
        let state = "local n = 0 redis.register_function('f', function() n = n + 1 return n end)";
        assert_eq!(call(state), Ok(":1".to_owned()));
        let text = "redis.register_function('f', function() return KEYS[1] end)";
        let expected = "ERR user_function:1: Script attempted to access nonexistent global variable 'KEYS' on @user_function:1";
        assert_eq!(call(text), Err(expected.to_owned()));
    }

    #[test]
    fn named_arguments_say_more() {
        let text = "redis.register_function{Function_Name='f', callback=function() end, description='d', flags={'NO-writes'}}
            redis.register_function{function_name=2, callback=function() end, flags={'allow-oom', 'no-writes'}}";
        let functions = interpreter().load(text.as_bytes(), &mut Recorded::default()).expect("it loads");
        assert_eq!(functions[0].name, b"f");
        assert_eq!((functions[0].description.as_deref(), functions[0].flags), (Some(&b"d"[..]), 1));
        assert_eq!(
            (&functions[1].name[..], &functions[1].description, functions[1].flags),
            (&b"2"[..], &None, 3)
        );
    }

    #[test]
    fn wrong_arguments_are_refused_with_the_texts_of_redis() {
        for (arguments, expected) in [
            ("()", "wrong number of arguments to redis.register_function"),
            ("('f', function() end, {})", "wrong number of arguments to redis.register_function"),
            ("(nil, function() end)", "first argument to redis.register_function must be a string"),
            ("('f', 1)", "second argument to redis.register_function must be a function"),
            ("('a-b', function() end)", BAD_NAME),
            ("('', function() end)", BAD_NAME),
            ("{}", "redis.register_function must get a function name argument"),
            ("{function_name = 'f'}", "redis.register_function must get a callback argument"),
            (
                "{function_name = {}}",
                "function_name argument given to redis.register_function must be a string",
            ),
            ("{callback = 1}", "callback argument given to redis.register_function must be a function"),
            ("{description = {}}", "description argument given to redis.register_function must be a string"),
            (
                "{flags = 1}",
                "flags argument to redis.register_function must be a table representing function flags",
            ),
            ("{flags = {'x'}}", "unknown flag given"),
            ("{flags = {{}}}", "unknown flag given"),
            ("{other = 1}", "unknown argument given to redis.register_function"),
            ("{[true] = 1}", "named argument key given to redis.register_function is not a string"),
        ] {
            check_refused(&format!("redis.register_function{arguments}"), expected);
        }
        let twice =
            "redis.register_function('f', function() end) redis.register_function('F', function() end)";
        check_refused(twice, "Function already exists in the library");
    }

    #[test]
    fn a_library_sees_nothing_but_how_to_register_functions() {
        for (text, name) in [
            ("math.random()", "math"),
            ("redis.call('ping')", "call"),
            ("redis.redis.call('ping')", "redis"),
            ("local x = KEYS", "KEYS"),
            ("getmetatable(_G)", "getmetatable"),
        ] {
            let expected =
                format!("user_function:1: Script attempted to access nonexistent global variable '{name}'");
            check_refused(text, &expected);
        }
        check_refused("a = 1", "user_function:1: Attempt to modify a readonly table");
        check_refused("redis.call = 1", "user_function:1: Attempt to modify a readonly table");
        assert_eq!(
            call("x ="),
            Err("Error compiling function: user_function:1: unexpected symbol near '<eof>'".to_owned())
        );
    }

    #[test]
    fn nothing_of_a_library_reaches_another() {
        let captured = "local l = redis redis.register_function('f', function() l.register_function('g', function() end) end)";
        let expected =
            "ERR redis.register_function can only be called on FUNCTION LOAD command on @user_function:1";
        assert_eq!(call(captured), Err(expected.to_owned()));
        for body in ["x = 1", "getmetatable(_G).__index = 1", "redis.x = 1", "rawset(_G, 'x', 1)"] {
            let failed =
                call(&format!("redis.register_function('f', function() {body} end)")).expect_err(body);
            assert!(failed.contains("readonly table"), "{body}: {failed}");
        }
        assert_eq!(
            call("redis.register_function('f', function() return type(redis.register_function) end)"),
            Ok("$3 nil".to_owned())
        );
    }

    #[test]
    fn a_library_that_does_not_end_is_stopped_and_the_next_one_loads() {
        let interpreter = interpreter();
        let mut caller = Recorded { patience: 3, ..Recorded::default() };
        let endless = "local a = 1 while true do a = a + 1 end";
        let stopped = interpreter.load(endless.as_bytes(), &mut caller).expect_err("it is stopped");
        assert!(stopped.starts_with("Error registering functions: ERR "), "{stopped}");
        let text = "redis.register_function('f', function() return 1 end)";
        assert_eq!(interpreter.load(text.as_bytes(), &mut Recorded::default()).expect("it loads").len(), 1);
    }
}
