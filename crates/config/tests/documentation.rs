//! `docs/configuration.md` is what the table prints. After a change of the table, print it again with
//! `UPDATE_DOCS=1 cargo test -p config --test documentation`.

#[test]
fn the_page_is_what_the_table_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let printed = config::markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &printed).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == printed, "docs/configuration.md is not what the table prints; see the head of this file");
}
