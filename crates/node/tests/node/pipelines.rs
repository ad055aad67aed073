//! Pipelines: what stands one behind the other in a group.

use crate::world::World;

#[test]
fn requests_in_one_piece_find_their_keys_whatever_stands_before_them() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    // A key is hashed once for the requests of a group that name it one behind the other. What stands before one may name it
    // as well, or another, or have no key there, or be refused.
    let asked = [
        ("ECHO k", "$1\r\nk\r\n"),
        ("SET k a", "+OK\r\n"),
        ("APPEND k b", ":2\r\n"),
        ("GET k x", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("GET k", "$2\r\nab\r\n"),
        ("GET l", "$-1\r\n"),
        ("MSET l c k d", "+OK\r\n"),
        ("GET l", "$1\r\nc\r\n"),
        ("PING l", "$1\r\nl\r\n"),
        ("STRLEN l", ":1\r\n"),
        ("GET k", "$1\r\nd\r\n"),
        ("LPUSH m x y", ":2\r\n"),
        ("RPOP m", "$1\r\nx\r\n"),
        ("RENAME m k", "+OK\r\n"),
        ("LLEN m", ":0\r\n"),
        ("LLEN k", ":1\r\n"),
    ];
    let (requests, replies): (Vec<&str>, Vec<&str>) = asked.into_iter().unzip();
    assert_eq!(world.ask(peer, &requests.join("\r\n")), replies.concat());
}
