//! The queue of pieces, at its limit and at its end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use config::Config;

use super::super::Form;
use super::super::practice::{self, Practice};
use super::*;

#[test]
fn encoders_stop_while_large_values_wait() {
    let practice = Practice::new();
    for hash in ["one", "two", "three"] {
        practice.set_fields(hash, 30_000, "word");
    }
    let image = practice.image();
    let pieces = Pieces::new(&practice::writer(&image), 1);
    let wanted = AtomicBool::new(false);
    assert!(pieces.await_room(&wanted));
    for pages in image.snapshot.into_pages() {
        pieces.encode(0, &pages);
    }
    assert_eq!(pieces.queue.lock().aside.len(), 3);
    for left in [2, 1] {
        assert!(!pieces.queue.lock().has_room());
        assert!(matches!(pieces.await_next(&wanted), Some(Next::Large(_))));
        assert_eq!(pieces.queue.lock().aside.len(), left);
    }
    assert!(pieces.await_room(&wanted), "one may wait");
}

#[test]
fn whoever_encodes_stops_when_the_writer_panics() {
    let practice = Practice::new();
    let pieces = Pieces::new(&practice::writer(&practice.image()), 1);
    let wanted = AtomicBool::new(false);
    assert!(pieces.await_room(&wanted));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _stop = pieces.stop_at_end();
        panic!("as a test");
    }));
    assert!(panicked.is_err());
    assert!(!pieces.await_room(&wanted));
    // Nor does it wait behind keys.
    let form = Form { key_delay: Duration::from_hours(1), ..Form::dump(&Config::default()) };
    form.rest(1000, || pieces.is_over(&wanted));
}
