//! Every configuration parameter in one table, and the sources they are read from.
