//! CONFIG SET when the machine refuses a value.

use crate::world::World;

#[test]
fn when_the_machine_refuses_one_parameter_none_is_set() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    assert_eq!(
        world.ask(peer, "CONFIG SET slowlog-max-len 7 maxclients 13 requirepass secret"),
        "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - unlucky\r\n"
    );
    assert_eq!(
        world.ask(peer, "CONFIG GET slowlog-max-len"),
        "*2\r\n$15\r\nslowlog-max-len\r\n$3\r\n128\r\n"
    );
    assert_eq!(world.ask(peer, "CONFIG GET maxclients"), "*2\r\n$10\r\nmaxclients\r\n$5\r\n10000\r\n");
    let other = world.connect(0);
    assert_eq!(world.ask(other, "PING"), "+PONG\r\n", "no password is asked for");
    assert_eq!(world.ask(peer, "CONFIG SET slowlog-max-len 7 maxclients 14"), "+OK\r\n");
    assert_eq!(world.ask(peer, "CONFIG GET maxclients"), "*2\r\n$10\r\nmaxclients\r\n$2\r\n14\r\n");
}
