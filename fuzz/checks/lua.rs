//! Runs a script for the checks of the libraries and of the bridge, with a caller that answers every command alike.

use resp::Protocol;
use script::{Called, Caller, Ended, Interpreter, Options, Verdict, Words};

/// Interrupts after which a script is killed: some hundred thousand instructions.
const PATIENCE: usize = 20;

struct Answering<'a> {
    reply: &'a [u8],
    patience: usize,
}

impl Caller for Answering<'_> {
    fn call(&mut self, _: &Words, _: Protocol, reply: &mut Vec<u8>) -> Called {
        reply.extend_from_slice(self.reply);
        Called::Replied
    }

    fn may_run(&mut self, _: &Words) -> Option<bool> {
        Some(true)
    }

    fn interrupt(&mut self) -> Verdict {
        self.patience = self.patience.saturating_sub(1);
        if self.patience == 0 { Verdict::Kill("killed") } else { Verdict::GoOn }
    }

    fn log(&mut self, _: u8, _: &[u8]) {}
}

thread_local! {
    static INTERPRETER: Interpreter =
        Interpreter::new(Options { version: "8.0.6", memory_bytes: 8 << 20, seed: 1, function_flags: &[] });
}

/// What a script answers, or its error. Commands that it calls are answered with `reply`.
pub(crate) fn run(text: &[u8], arguments: &[&[u8]], reply: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    INTERPRETER.with(|interpreter| {
        let script = interpreter.compile(text).map_err(String::into_bytes)?;
        let mut caller = Answering { reply, patience: PATIENCE };
        let mut out = Vec::new();
        match interpreter.run(&script, &[], arguments, &mut caller, (Protocol::Resp3, &mut out)) {
            Ended::Replied | Ended::PassedOn => Ok(out),
            Ended::Failed(failure) => Err(failure.text),
            Ended::Abandoned => unreachable!("nothing is abandoned here"),
        }
    })
}

/// Runs a script that must end well.
pub(crate) fn must(text: &str, arguments: &[&[u8]]) {
    if let Err(error) = run(text.as_bytes(), arguments, b"+OK\r\n") {
        let error = String::from_utf8_lossy(&error);
        // What a mutation makes may be too large for the interpreter, and that is all it may be.
        assert!(error.contains("not enough memory") || error.contains("killed"), "{error}");
    }
}
