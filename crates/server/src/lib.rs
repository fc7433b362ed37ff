//! The real world around a node: threads, sockets, disk, clock, configuration, shutdown.
