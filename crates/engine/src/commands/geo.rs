//! Places on the earth, which are members of sorted sets: the rows. The functions stand in files of their own, by idea.
//!
//! The score of a place is its geohash of 52 bits ([`cell`]), which a double holds exactly. Neighbouring scores are
//! neighbouring places, so a search looks at a few ranges of scores ([`area`]) and asks of each place in them whether it
//! is inside of the shape ([`shape`]).

mod area;
mod arguments;
mod cell;
mod place;
mod query;
mod search;
mod shape;
mod sphere;

use config::KeyspaceEvents;

use crate::command::{Access, Command, Flags, Group, Handler, Keys};

const READ: Flags = Flags::READONLY;
/// What writes that may need memory have.
const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
/// Those that may store what may be large: they take their locks when they read and when they store.
const ALONE: Flags = Flags::ALONE;

/// The first key is read, those behind the words STORE and STOREDIST, from an argument on, are written.
const fn stored_from(after: usize) -> Keys {
    Keys::SourceAndOptions { words: &["STORE", "STOREDIST"], after, access: Access::Overwrite }
}

const fn row(name: &'static str, arity: i32, flags: Flags, access: Access, handler: Handler) -> Command {
    Command::new(name, Group::Geo, arity, handler).flags(flags).key(access)
}

const SEARCH_COST: &str = "O(N+log(M)) where N is the number of members in the cells around the shape and M the number of members inside it.";

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    row("GEOADD", -5, GROW, Access::Touch, place::geoadd).doc(
        "3.2.0",
        "O(log(N)) for each member added, where N is the number of members of the sorted set.",
        "Gives members of a sorted set places on the earth; creates the sorted set if it doesn't exist.",
        "key [NX | XX]@6.2.0 [change=CH@6.2.0] <longitude latitude member ...>",
    )
    .history(&[("6.2.0", "The options `NX`, `XX` and `CH`.")]),
    row("GEODIST", -4, READ, Access::Read, place::geodist).doc(
        "3.2.0",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Returns the distance between two members.",
        "key member1 member2 [M | KM | FT | MI]",
    ),
    row("GEOHASH", -2, READ, Access::Read, place::geohash).doc(
        "3.2.0",
        "O(log(N)) for each member asked for, where N is the number of members of the sorted set.",
        "Returns the places of members as geohash strings.",
        "key [member [member ...]]",
    ),
    row("GEOPOS", -2, READ, Access::Read, place::geopos).doc(
        "3.2.0",
        "O(log(N)) for each member asked for, where N is the number of members of the sorted set.",
        "Returns the longitudes and latitudes of members.",
        "key [member [member ...]]",
    ),
    row("GEOSEARCH", -7, READ, Access::Read, search::geosearch).doc(
        "6.2.0",
        SEARCH_COST,
        "Returns the members inside a circle, a box or a polygon.",
        "key from=<FROMMEMBER member | FROMLONLAT longitude latitude> by=<circle=<<BYRADIUS radius> <M | KM | FT \
         | MI>> | box=<<BYBOX width> height <M | KM | FT | MI>> | polygon=BYPOLYGON num-vertices \
         vertices=<longitude latitude ...>> [ASC | DESC] count-block=[COUNT count [ANY]] [WITHCOORD] [WITHDIST] \
         [WITHHASH]",
    )
    .history(&[("7.0.0", "Units may be in capitals.")]),
    row("GEOSEARCHSTORE", -8, GROW.and(ALONE), Access::Overwrite, search::geosearchstore)
        .event(KeyspaceEvents::SORTED_SET, "geosearchstore")
        .keys(Keys::Pair { first: Access::Overwrite, second: Access::Read })
        .doc(
            "6.2.0",
            SEARCH_COST,
            "Stores the members inside a circle, a box or a polygon in another key.",
            "destination source from=<FROMMEMBER member | FROMLONLAT longitude latitude> by=<circle=<<BYRADIUS \
             radius> <M | KM | FT | MI>> | box=<<BYBOX width> height <M | KM | FT | MI>> | polygon=BYPOLYGON \
             num-vertices vertices=<longitude latitude ...>> [ASC | DESC] count-block=[COUNT count [ANY]] \
             [STOREDIST]",
        )
        .history(&[("7.0.0", "Units may be in capitals.")]),
    row("GEORADIUS", -6, GROW.and(ALONE), Access::Read, search::georadius)
        .event(KeyspaceEvents::SORTED_SET, "georadiusstore")
        .keys(stored_from(6))
        .doc(
            "3.2.0",
            SEARCH_COST,
            "Returns the members inside a circle, or stores them in another key.",
            "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             count-block=[COUNT count [ANY@6.2.0]] [ASC | DESC] store=[STORE storekey=key(key) | STOREDIST \
             storedistkey=key(key)]",
        )
        .history(&[("6.2.0", "The option `ANY` of `COUNT`."), ("7.0.0", "Units may be in capitals.")])
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
    row("GEORADIUS_RO", -6, READ, Access::Read, search::georadius_ro)
        .doc(
            "3.2.10",
            SEARCH_COST,
            "Returns the members inside a circle.",
            "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             count-block=[COUNT count [ANY@6.2.0]] [ASC | DESC]",
        )
        .history(&[("6.2.0", "The option `ANY` of `COUNT`."), ("7.0.0", "Units may be in capitals.")])
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"),
    row("GEORADIUSBYMEMBER", -5, GROW.and(ALONE), Access::Read, search::georadiusbymember)
        .event(KeyspaceEvents::SORTED_SET, "georadiusstore")
        .keys(stored_from(5))
        .doc(
            "3.2.0",
            SEARCH_COST,
            "Returns the members inside a circle around one of them, or stores them in another key.",
            "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] count-block=[COUNT count \
             [ANY]] [ASC | DESC] store=[STORE storekey=key(key) | STOREDIST storedistkey=key(key)]",
        )
        .history(&[("6.2.0", "The option `ANY` of `COUNT`."), ("7.0.0", "Units may be in capitals.")])
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"),
    row("GEORADIUSBYMEMBER_RO", -5, READ, Access::Read, search::georadiusbymember_ro)
        .doc(
            "3.2.10",
            SEARCH_COST,
            "Returns the members inside a circle around one of them.",
            "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] count-block=[COUNT count \
             [ANY]] [ASC | DESC]",
        )
        .history(&[("6.2.0", "The option `ANY` of `COUNT`."), ("7.0.0", "Units may be in capitals.")])
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
];
