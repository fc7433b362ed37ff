//! Membership and liveness by gossip: SYN, SYN-ACK, ACK digests, suspicion and refutation.
