//! Slots, shards and which nodes own them: a pure, versioned function of the members.
