//! The command table and one file per command family: frames to calls and outcomes to replies.
