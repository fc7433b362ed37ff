//! Dots, clocks, hybrid time and client contexts: who has seen what.
